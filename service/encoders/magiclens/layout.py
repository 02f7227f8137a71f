"""Every tensor of the published files: its name and shape there, its name in our model, and how it is turned.

flax keeps the heads of an attention apart and its dense kernels as [in, out]; torch joins the heads and has [out, in].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

from service.encoders.layout import Layout, Shape
from service.encoders.magiclens.sizes import Sizes, TowerSizes

Turn = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Place:
    """One tensor. `name`, `shape`: in the file; `target`: in the model; `turn`: from the first to the second."""

    name: str
    shape: Shape
    target: str
    turn: Turn


def layout(sizes: Sizes) -> Layout:
    """Name and shape of every tensor in a file of these sizes."""
    return {place.name: place.shape for place in places(sizes)}


def places(sizes: Sizes) -> Iterator[Place]:
    """Every tensor, in no particular order."""
    yield Place("params/clip/logit_scale", (), "clip.logit_scale", _same)
    yield from _text(sizes)
    yield from _vision(sizes)
    for block in range(sizes.fusion.layers):
        name, target = f"params/multimodal_encoder/x_layers_{block}", f"fusion.{block}"
        yield from _capped(f"{name}/self_attention", f"{target}.attention", sizes.width, sizes.fusion.heads)
        yield from _offset_norm(f"{name}/layer_norm", f"{target}.attention_norm", sizes.width)
        yield from _offset_norm(f"{name}/ff_layer/layer_norm", f"{target}.mlp_norm", sizes.width)
        for number, shape in ((1, (sizes.width, sizes.fusion.hidden)), (2, (sizes.fusion.hidden, sizes.width))):
            layer = f"{name}/ff_layer/ffn_layer{number}"
            yield Place(f"{layer}/linear/w", shape, f"{target}.linear{number}.weight", _transposed)
            yield Place(f"{layer}/bias/b", shape[1:], f"{target}.linear{number}.bias", _same)
    yield from _pooler(sizes)


def _text(sizes: Sizes) -> Iterator[Place]:
    name, target, width = "params/clip/text", "clip.text_model", sizes.text.width
    tables = f"{target}.embeddings"
    yield Place(
        f"{name}/token_embedding/embedding", (sizes.vocabulary, width), f"{tables}.token_embedding.weight", _same
    )
    yield Place(f"{name}/positional_embedding", (sizes.positions, width), f"{tables}.position_embedding.weight", _same)
    yield from _norm(f"{name}/ln_final", f"{target}.final_layer_norm", width)
    yield Place(f"{name}/text_projection/kernel", (width, sizes.width), "clip.text_projection.weight", _transposed)
    yield from _blocks(name, target, sizes.text)


def _vision(sizes: Sizes) -> Iterator[Place]:
    name, target, width, patch = "params/clip/visual", "clip.vision_model", sizes.vision.width, sizes.patch_size
    tables, tokens = f"{target}.embeddings", (sizes.image_size // patch) ** 2 + 1
    yield Place(f"{name}/class_embedding", (width,), f"{tables}.class_embedding", _same)
    yield Place(f"{name}/conv1/kernel", (patch, patch, 3, width), f"{tables}.patch_embedding.weight", _convolution)
    yield Place(f"{name}/positional_embedding", (tokens, width), f"{tables}.position_embedding.weight", _same)
    yield from _norm(f"{name}/ln_pre", f"{target}.pre_layrnorm", width)  # transformers spells it so
    yield from _norm(f"{name}/ln_post", f"{target}.post_layernorm", width)
    yield Place(f"{name}/proj/kernel", (width, sizes.width), "clip.visual_projection.weight", _transposed)
    yield from _blocks(name, target, sizes.vision)


def _blocks(tower: str, model: str, sizes: TowerSizes) -> Iterator[Place]:
    """The blocks of a CLIP tower."""
    width, apart = sizes.width, (sizes.heads, sizes.head_width)
    for block in range(sizes.layers):
        name, target = f"{tower}/transformer/resblocks_{block}", f"{model}.encoder.layers.{block}"
        attention = f"{target}.self_attn"
        for role, letter in (("query", "q"), ("key", "k"), ("value", "v")):
            yield Place(f"{name}/attn/{role}/kernel", (width, *apart), f"{attention}.{letter}_proj.weight", _in_heads)
            yield Place(f"{name}/attn/{role}/bias", apart, f"{attention}.{letter}_proj.bias", _joined)
        yield Place(f"{name}/attn/out/kernel", (*apart, width), f"{attention}.out_proj.weight", _out_heads)
        yield Place(f"{name}/attn/out/bias", (width,), f"{attention}.out_proj.bias", _same)
        for number in (1, 2):
            yield from _norm(f"{name}/ln_{number}", f"{target}.layer_norm{number}", width)
        for layer, ours, shape in (("c_fc", "fc1", (width, sizes.hidden)), ("c_proj", "fc2", (sizes.hidden, width))):
            yield Place(f"{name}/mlp/{layer}/kernel", shape, f"{target}.mlp.{ours}.weight", _transposed)
            yield Place(f"{name}/mlp/{layer}/bias", shape[1:], f"{target}.mlp.{ours}.bias", _same)


def _pooler(sizes: Sizes) -> Iterator[Place]:
    name, width = "params/contrastive_multimodal_pooler", sizes.width
    yield Place(f"{name}/pooling_attn_query", (1, width), "pooler.query", _same)
    scale = f"{name}/pool_attn/per_dim_scale/per_dim_scale"
    yield Place(scale, (sizes.pooler_head_width,), "pooler.per_dim_scale", _same)
    yield from _capped(
        f"{name}/pool_attn", "pooler.attention", width, sizes.pooler_heads, head_width=sizes.pooler_head_width
    )
    yield from _offset_norm(f"{name}/pool_attn_ln", "pooler.norm", width)


def _capped(name: str, target: str, width: int, heads: int, *, head_width: int | None = None) -> Iterator[Place]:
    """A capped attention. Its output kernel is laid out as the other three, not the other way around."""
    apart = (heads, head_width or width // heads)
    for role in ("query", "key", "value"):
        yield Place(f"{name}/{role}/w", (width, *apart), f"{target}.{role}.weight", _in_heads)
        yield Place(f"{name}/{role}/b", apart, f"{target}.{role}.bias", _joined)
    yield Place(f"{name}/post/w", (width, *apart), f"{target}.post.weight", _rows)
    yield Place(f"{name}/post/b", (width,), f"{target}.post.bias", _same)


def _norm(name: str, target: str, width: int) -> Iterator[Place]:
    yield Place(f"{name}/scale", (width,), f"{target}.weight", _same)
    yield Place(f"{name}/bias", (width,), f"{target}.bias", _same)


def _offset_norm(name: str, target: str, width: int) -> Iterator[Place]:
    """A LayerNorm whose stored scale is the distance from one."""
    yield Place(f"{name}/scale", (width,), f"{target}.weight", _from_one)
    yield Place(f"{name}/bias", (width,), f"{target}.bias", _same)


def _same(tensor: Tensor) -> Tensor:
    return tensor


def _transposed(kernel: Tensor) -> Tensor:
    """[in, out] → [out, in]."""
    return kernel.T


def _joined(bias: Tensor) -> Tensor:
    """[heads, head width] → [inner]."""
    return bias.flatten()


def _in_heads(kernel: Tensor) -> Tensor:
    """[width, heads, head width] → [inner, width]."""
    return kernel.flatten(1).T


def _out_heads(kernel: Tensor) -> Tensor:
    """[heads, head width, width] → [width, inner]."""
    return kernel.flatten(0, 1).T


def _rows(kernel: Tensor) -> Tensor:
    """[width, heads, head width] → [width, inner]."""
    return kernel.flatten(1)


def _convolution(kernel: Tensor) -> Tensor:
    """[row, column, in, out] → [out, in, row, column]."""
    return kernel.permute(3, 2, 0, 1)


def _from_one(scale: Tensor) -> Tensor:
    """In float32: next to one, a number of 16 bits would lose most of its own."""
    return scale.float() + 1
