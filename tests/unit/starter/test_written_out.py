"""What the starter writes out instead of importing transformers' models, against these."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from transformers import BertModel, BertTokenizer
from transformers import Phi3Config as TheirConfig
from transformers import Phi3Model as TheirPhi3

from starter.minilm import MINILM, load_minilm
from starter.tokenizer import WordPieces
from starter.vlm.decoder import _WORD_LENGTH
from starter.vlm.phi3 import Phi3Config, Phi3Model

TEXTS = [
    *("a mug with this", "Crème brûlée, naïve", "日本語 text", "[SEP] hello [MASK]", "emoji 🐆 cat", "x" * 300, "  "),
    *("don't stop—now; 50% off", "İstanbul ﬁne", "\x00a\ufffd", "a\u200db", "word " * 80),
]
LOADS = """import sys
import starter.fused, starter.vlm.model
from starter.minilm import load_minilm
load_minilm()
print([name for name in ("transformers", "torch._dynamo", "scipy", "sympy") if name in sys.modules])
"""


def test_the_bundled_models_need_no_model_classes_of_transformers() -> None:
    """They take two seconds of processor time and 130 MB in every process."""
    done = subprocess.run([sys.executable, "-c", LOADS], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_texts_are_cut_into_the_same_tokens() -> None:
    theirs, ours = BertTokenizer.from_pretrained(MINILM), WordPieces()
    assert len(ours) == len(theirs)
    assert [ours.pieces(text) for text in TEXTS] == [
        theirs(text, add_special_tokens=False)["input_ids"] for text in TEXTS
    ]
    expected = theirs(TEXTS, truncation=True, max_length=64, padding=True, return_tensors="pt")
    ids, mask, cut = ours.batch(TEXTS, 64)
    assert torch.equal(ids, expected["input_ids"]) and torch.equal(mask, expected["attention_mask"])
    assert cut.tolist() == [len(theirs.tokenize(text)) + 2 > 64 for text in TEXTS]


@torch.inference_mode()
def test_hidden_states_are_those_of_bert() -> None:
    ours, theirs = load_minilm(), BertModel.from_pretrained(MINILM)
    ids = torch.randint(1000, 30_000, (3, 17), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[1, 9:] = 0
    found, expected = ours(ids, mask), theirs(input_ids=ids, attention_mask=mask)
    kept = mask.bool()
    assert torch.allclose(found.last_hidden_state[kept], expected.last_hidden_state[kept], atol=1e-5)
    words = ours.embeddings.word_embeddings
    assert torch.allclose(ours(inputs_embeds=words(ids), attention_mask=mask)[0][kept], found[0][kept], atol=1e-6)
    assert words.weight.norm(dim=1).mean().item() == pytest.approx(_WORD_LENGTH, rel=1e-6)


@torch.inference_mode()
@pytest.mark.parametrize("padded", [False, True])
def test_hidden_states_are_those_of_phi3(padded: bool) -> None:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "hidden_size": 40,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 5,
    }
    ours = Phi3Model(Phi3Config(**sizes, max_position_embeddings=64, initializer_range=0.3))
    special: dict[str, Any] = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    theirs = TheirPhi3(TheirConfig(**sizes, num_key_value_heads=5, vocab_size=4, **special))
    assert theirs.load_state_dict(ours.state_dict(), strict=False).missing_keys == ["embed_tokens.weight"]
    embedded, mask = torch.randn(2, 9, 40), torch.ones(2, 9, dtype=torch.long)
    mask[1, 6:] = 0
    given = mask if padded else None
    found = ours(embedded, given).last_hidden_state
    expected = theirs(inputs_embeds=embedded, attention_mask=given).last_hidden_state
    kept = mask.bool() if padded else torch.ones_like(mask).bool()
    assert torch.allclose(found[kept], expected[kept], atol=1e-5)
