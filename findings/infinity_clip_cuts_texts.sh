#!/bin/sh
# Expected: infinity reads as many tokens of a text as the CLIP checkpoint that it serves does: 77.
#
# Seen with infinity-emb 0.0.78 and transformers 4.57.6: it reads 20. It takes `max_length` of the text configuration,
# which is a default for generating texts, and cuts what is longer without a word: two texts that differ behind their
# first twenty tokens have the same embedding. (docs/models.md says so; the checkpoint here is random, of CLIP's layout.)
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "infinity-emb[server,torch]==0.0.78" "transformers==4.57.6" "torch==2.13.0"
cd "$folder"
HF_HUB_OFFLINE=1 venv/bin/python - 2>/dev/null <<'PYTHON'
import asyncio
import json
import string
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from infinity_emb import AsyncEmbeddingEngine, EngineArgs
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizerFast

folder = Path("clip")
folder.mkdir()
tokens = [letter + end for end in ("", "</w>") for letter in string.ascii_lowercase]
tokens += ["<|startoftext|>", "<|endoftext|>"]
(folder / "vocab.json").write_text(json.dumps({token: place for place, token in enumerate(tokens)}))
(folder / "merges.txt").write_text("#version: 0.2\n")
tokenizer = CLIPTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)
images = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
CLIPProcessor(images, tokenizer).save_pretrained(folder)
size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
text = {**size, "vocab_size": len(tokens), "max_position_embeddings": 77}
text |= {"bos_token_id": len(tokens) - 2, "eos_token_id": len(tokens) - 1, "pad_token_id": len(tokens) - 1}
torch.manual_seed(0)
config = CLIPConfig(text_config=text, vision_config={**size, "image_size": 32, "patch_size": 16}, projection_dim=16)
model = CLIPModel(config).eval()
model.save_pretrained(folder)

words = string.ascii_lowercase
texts = [" ".join(words), " ".join(words[:-3] + "abc"), " ".join(words[:10])]


async def embedded():
    plain = {"bettertransformer": False, "compile": False, "model_warmup": False}
    args = EngineArgs(model_name_or_path=str(folder), engine="torch", device="cpu", dtype="float32", **plain)
    engine = AsyncEmbeddingEngine.from_args(args)
    async with engine:
        return np.stack((await engine.embed(sentences=texts))[0])


found = asyncio.run(embedded())
inputs = tokenizer(texts, padding=True, return_tensors="pt")
with torch.no_grad():
    own = torch.nn.functional.normalize(model.get_text_features(**inputs), dim=-1).numpy()
print("infinity-emb", version("infinity-emb"), "transformers", version("transformers"))
print("tokens of the texts:", inputs["attention_mask"].sum(1).tolist(), "of at most", tokenizer.model_max_length)
for name, vectors in (("transformers", own), ("infinity", found)):
    print(f"{name}: two texts that differ in their last words differ by {np.abs(vectors[0] - vectors[1]).max():.3f}")
assert np.abs(own[0] - own[1]).max() > 0.01 and np.allclose(own[2], found[2], atol=1e-5)
assert np.array_equal(found[0], found[1]), "the finding is gone"
PYTHON
