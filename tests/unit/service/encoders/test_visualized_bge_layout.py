"""The full-size layouts, without memory behind them."""

import math

import pytest

from service.encoders.layout import Layout
from service.encoders.visualized_bge.checkpoint import empty_model, published_layout, used_layout
from service.encoders.visualized_bge.config import published

BASE, M3 = "visualized-bge-base-en", "visualized-bge-m3"


def layout(name: str) -> Layout:
    model = published(name)
    return published_layout(empty_model(model.text, model.vision))


def block_names(blocks: int) -> set[str]:
    plain = {f"attn.{name}" for name in ("q_bias", "v_bias", "q_proj.weight", "k_proj.weight", "v_proj.weight")}
    plain |= {"attn.rope.freqs_cos", "attn.rope.freqs_sin"}
    full = ("norm1", "norm2", "attn.inner_attn_ln", "attn.proj", "mlp.w1", "mlp.w2", "mlp.ffn_ln", "mlp.w3")
    names = plain | {f"{part}.{end}" for part in full for end in ("weight", "bias")}
    return {f"model_visual.visual.blocks.{block}.{name}" for block in range(blocks) for name in names}


def layer_names(layers: int) -> set[str]:
    parts = [f"attention.self.{name}" for name in ("query", "key", "value")]
    parts += ["attention.output.dense", "attention.output.LayerNorm", "intermediate.dense", "output.dense"]
    parts += ["output.LayerNorm"]
    ends = ("weight", "bias")
    return {f"bge_encoder.layer.{layer}.{part}.{end}" for layer in range(layers) for part in parts for end in ends}


def other_names() -> set[str]:
    tables = {f"bge_embeddings.{name}_embeddings.weight" for name in ("word", "position", "token_type")}
    pairs = ["bge_embeddings.LayerNorm", "bge_pooler.dense", "visual_proj", "model_visual.visual.patch_embed.proj"]
    pairs += ["model_visual.visual.norm", "model_visual.visual.head"]
    single = {"cls_token", "pos_embed", "rope.freqs_cos", "rope.freqs_sin"}
    names = tables | {f"{pair}.{end}" for pair in pairs for end in ("weight", "bias")} | {"model_visual.logit_scale"}
    return names | {f"model_visual.visual.{name}" for name in single}


@pytest.mark.parametrize(("name", "depth"), [(BASE, 12), (M3, 24)])
def test_the_names_are_those_of_the_published_file(name: str, depth: int) -> None:
    assert layout(name).keys() == layer_names(depth) | block_names(depth) | other_names()


@pytest.mark.parametrize(
    ("name", "millions"),
    [(BASE, 196.34), (M3, 872.9)],
)
def test_the_number_of_parameters(name: str, millions: float) -> None:
    """Rotary tables are buffers, so they do not count."""
    sizes = {key: math.prod(shape) for key, shape in layout(name).items() if ".rope." not in key}
    assert sum(sizes.values()) / 1e6 == pytest.approx(millions, abs=0.05)


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        (
            BASE,
            {
                "bge_embeddings.word_embeddings.weight": (30522, 768),
                "bge_embeddings.position_embeddings.weight": (512, 768),
                "bge_embeddings.token_type_embeddings.weight": (2, 768),
                "model_visual.visual.cls_token": (1, 1, 768),
                "model_visual.visual.pos_embed": (1, 197, 768),
                "model_visual.visual.patch_embed.proj.weight": (768, 3, 16, 16),
                "model_visual.visual.rope.freqs_cos": (196, 64),
                "model_visual.visual.blocks.11.attn.rope.freqs_sin": (196, 64),
                "model_visual.visual.blocks.0.mlp.w1.weight": (2048, 768),
                "model_visual.visual.head.weight": (512, 768),
                "model_visual.logit_scale": (),
                "visual_proj.weight": (768, 768),
            },
        ),
        (
            M3,
            {
                "bge_embeddings.word_embeddings.weight": (250002, 1024),
                "bge_embeddings.position_embeddings.weight": (8194, 1024),
                "bge_embeddings.token_type_embeddings.weight": (1, 1024),
                "model_visual.visual.pos_embed": (1, 257, 1024),
                "model_visual.visual.patch_embed.proj.weight": (1024, 3, 14, 14),
                "model_visual.visual.blocks.23.mlp.w3.weight": (1024, 2730),
                "model_visual.visual.head.weight": (768, 1024),
                "visual_proj.weight": (1024, 1024),
            },
        ),
    ],
)
def test_shapes(name: str, shapes: Layout) -> None:
    found = layout(name)
    assert {key: found[key] for key in shapes} == shapes


@pytest.mark.parametrize(("name", "alone", "beside"), [(BASE, 512, 316), (M3, 8192, 7938)])
def test_how_much_text_fits(name: str, alone: int, beside: int) -> None:
    model = empty_model(published(name).text, published(name).vision)
    assert (model.text_limit, model.composed_limit) == (alone, beside)
    assert set(used_layout(model)) < set(layout(name))
