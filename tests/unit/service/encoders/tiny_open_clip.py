"""A tiny SigLIP in the files of open_clip, as Marqo publishes its models, and what open_clip and timm compute of it."""

from __future__ import annotations

import string
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as fn
from transformers.models.bert.tokenization_bert import BertTokenizer

from tests.unit.service.encoders.tiny_clip import SIDE, write

WIDTH, HEADS, HIDDEN, LAYERS, PATCH, CONTEXT = 128, 2, 160, 2, 8, 16
_LETTERS = string.ascii_lowercase
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_LETTERS, *("##" + letter for letter in _LETTERS), "!"]
SETTINGS = {
    "model_cfg": {
        "embed_dim": WIDTH,
        "init_logit_bias": -10,
        "custom_text": True,
        "vision_cfg": {
            "image_size": SIDE,
            "timm_model_name": "vit_base_patch16_siglip_224",
            "timm_model_pretrained": False,
            "timm_pool": "map",
            "timm_proj": "none",
        },
        "text_cfg": {
            "context_length": CONTEXT,
            "vocab_size": len(WORDS),
            "hf_tokenizer_name": "Marqo/marqo-ecommerce-embeddings-B",
            "tokenizer_kwargs": {"clean": "canonicalize"},
            "width": WIDTH,
            "heads": HEADS,
            "layers": LAYERS,
            "no_causal_mask": True,
            "proj_bias": True,
            "pool_type": "last",
            "norm_kwargs": {"eps": 1e-6},
        },
    },
    "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic"},
}


def weights() -> dict[str, Tensor]:
    """Random ones, under the names of the published files."""
    random = torch.Generator().manual_seed(5)
    made: dict[str, Tensor] = {"logit_scale": torch.tensor(4.7), "logit_bias": torch.tensor(-10.0)}

    def add(name: str, *shape: int, of: float = 0.12, around: float = 0.0) -> None:
        made[name] = torch.randn(shape, generator=random) * of + around

    def linear(name: str, out: int, into: int) -> None:
        add(f"{name}.weight", out, into)
        add(f"{name}.bias", out)

    def norm(name: str) -> None:
        add(f"{name}.weight", WIDTH, around=1.0)
        add(f"{name}.bias", WIDTH)

    add("visual.trunk.patch_embed.proj.weight", WIDTH, 3, PATCH, PATCH)
    add("visual.trunk.patch_embed.proj.bias", WIDTH)
    add("visual.trunk.pos_embed", 1, (SIDE // PATCH) ** 2, WIDTH, of=0.5)
    add("visual.trunk.attn_pool.latent", 1, 1, WIDTH, of=1.0)
    for name, out, into in (("q", WIDTH, WIDTH), ("kv", 2 * WIDTH, WIDTH), ("proj", WIDTH, WIDTH)):
        linear(f"visual.trunk.attn_pool.{name}", out, into)
    add("text.token_embedding.weight", len(WORDS), WIDTH, of=0.5)
    add("text.positional_embedding", CONTEXT, WIDTH, of=0.5)
    linear("text.text_projection", WIDTH, WIDTH)
    for name in ("visual.trunk.norm", "visual.trunk.attn_pool.norm", "text.ln_final"):
        norm(name)
    blocks = [f"visual.trunk.blocks.{row}" for row in range(LAYERS)]
    texts = [f"text.transformer.resblocks.{row}" for row in range(LAYERS)]
    for block in blocks:
        linear(f"{block}.attn.qkv", 3 * WIDTH, WIDTH)
        linear(f"{block}.attn.proj", WIDTH, WIDTH)
    for block in texts:
        add(f"{block}.attn.in_proj_weight", 3 * WIDTH, WIDTH)
        add(f"{block}.attn.in_proj_bias", 3 * WIDTH)
        linear(f"{block}.attn.out_proj", WIDTH, WIDTH)
    for block, first, second in [(block, "fc1", "fc2") for block in [*blocks, "visual.trunk.attn_pool"]] + [
        (block, "c_fc", "c_proj") for block in texts
    ]:
        linear(f"{block}.mlp.{first}", HIDDEN, WIDTH)
        linear(f"{block}.mlp.{second}", WIDTH, HIDDEN)
    for name in [f"{block}.norm" for block in blocks] + [f"{block}.ln_" for block in texts]:
        norm(f"{name}1")
        norm(f"{name}2")
    return made


def make_open_clip(folder: Path) -> Path:
    """The whole repository, without its code and the same weights under other names."""
    save_file(weights(), folder / "open_clip_model.safetensors")
    write(folder / "open_clip_config.json", SETTINGS)
    write(folder / "config.json", {"model_type": "siglip", "open_clip_model_name": "hf-hub:Marqo/somewhere"})
    BertTokenizer(vocab={word: row for row, word in enumerate(WORDS)}).save_pretrained(folder)
    size = {"height": SIDE, "width": SIDE}
    halves = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 3, "rescale_factor": 1 / 255}
    write(folder / "preprocessor_config.json", {**halves, "size": size, "image_processor_type": "SiglipImageProcessor"})
    return folder


def image_features(w: dict[str, Tensor], pixels: Tensor) -> Tensor:
    """What timm's `vit_base_patch16_siglip_224` with `global_pool="map"` gives for pixels [n, 3, side, side]."""
    trunk = "visual.trunk"
    x = fn.conv2d(pixels, *_pair(w, f"{trunk}.patch_embed.proj"), stride=PATCH).flatten(2).transpose(1, 2)
    x = x + w[f"{trunk}.pos_embed"]
    for row in range(LAYERS):
        block = f"{trunk}.blocks.{row}"
        q, k, v = fn.linear(_norm(w, f"{block}.norm1", x), *_pair(w, f"{block}.attn.qkv")).chunk(3, dim=-1)
        x = x + fn.linear(_attention(q, k, v), *_pair(w, f"{block}.attn.proj"))
        x = x + _mlp(w, f"{block}.mlp", _norm(w, f"{block}.norm2", x), "fc1", "fc2")
    x, pool = _norm(w, f"{trunk}.norm", x), f"{trunk}.attn_pool"
    q = fn.linear(w[f"{pool}.latent"].expand(len(x), -1, -1), *_pair(w, f"{pool}.q"))
    k, v = fn.linear(x, *_pair(w, f"{pool}.kv")).chunk(2, dim=-1)
    x = fn.linear(_attention(q, k, v), *_pair(w, f"{pool}.proj"))
    return (x + _mlp(w, f"{pool}.mlp", _norm(w, f"{pool}.norm", x), "fc1", "fc2"))[:, 0]


def text_features(w: dict[str, Tensor], ids: Tensor) -> Tensor:
    """What open_clip's `TextTransformer` gives for ids [n, context], without a causal mask, at the last place."""
    x = w["text.token_embedding.weight"][ids] + w["text.positional_embedding"]
    for row in range(LAYERS):
        block = f"text.transformer.resblocks.{row}"
        joined = w[f"{block}.attn.in_proj_weight"], w[f"{block}.attn.in_proj_bias"]
        q, k, v = fn.linear(_norm(w, f"{block}.ln_1", x), *joined).chunk(3, dim=-1)
        x = x + fn.linear(_attention(q, k, v), *_pair(w, f"{block}.attn.out_proj"))
        x = x + _mlp(w, f"{block}.mlp", _norm(w, f"{block}.ln_2", x), "c_fc", "c_proj")
    return fn.linear(_norm(w, "text.ln_final", x)[:, -1], *_pair(w, "text.text_projection"))


def _pair(w: dict[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
    return w[f"{name}.weight"], w[f"{name}.bias"]


def _norm(w: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    return fn.layer_norm(x, (WIDTH,), *_pair(w, name), eps=1e-6)


def _mlp(w: dict[str, Tensor], name: str, x: Tensor, first: str, second: str) -> Tensor:
    return fn.linear(fn.gelu(fn.linear(x, *_pair(w, f"{name}.{first}"))), *_pair(w, f"{name}.{second}"))


def _attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    q, k, v = (x.view(*x.shape[:2], HEADS, -1).transpose(1, 2) for x in (q, k, v))
    shares = (q @ k.transpose(-1, -2) / (WIDTH // HEADS) ** 0.5).softmax(dim=-1)
    joined: Tensor = (shares @ v).transpose(1, 2).flatten(2)
    return joined
