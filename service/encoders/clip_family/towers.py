"""The two forward passes of a model of the CLIP family, in torch or compiled: images, and texts, to features."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from service.encoders.clip_family.first_token import see_first_token
from service.encoders.compiled.cache import exported
from service.encoders.compiled.choice import Pass, compiled
from service.encoders.compiled.spread import Spread
from service.encoders.options import BackendName

_ON_TORCH = ("siglip2", "tipsv2")
"""Models by `model_type` whose image towers no graph can say: they resize positions with a filter that ONNX lacks."""

_FIRST_TOKEN = ("clip", "chinese_clip")
"""Those whose image towers end with the first token; the others attend to all of them once more."""

_TOKENS = 400
"""Tokens that a compiled pass sees at once on a thread: fewer waste the reading of weights, the numbers of more fall
out of the core's cache. Milliseconds on one thread of an EPYC for ViT-B/32, an image of 50 tokens by parts of 1, 2, 4
and 8: 103, 93, 91 and 90; a text of 17 tokens by 1, 4, 8, 16 and 32: 21, 15.1, 14.0, 13.6 and 13.5."""
_MOST_SPREAD = 2
"""Threads up to which images are spread over them. One thread takes as long for an image as two do in torch, and for
many images a tenth less of the processor than two that share each; of more threads an image by itself has more."""


class Tower(nn.Module):
    """One of a model's two methods: tensors of the given names, each [n, …] → features [n, d].

    It holds the parts of one tower alone, so that those of the other can be freed.
    """

    def __init__(self, model: PreTrainedModel, method: str, names: Sequence[str], without: str) -> None:
        """`without`: what the names of the other tower's parts begin with."""
        super().__init__()
        self._method, self._names = method, tuple(names)
        self.model = copy.copy(model)
        self.model._modules = {name: part for name, part in model._modules.items() if not name.startswith(without)}
        self.model._parameters = {}  # scale and bias of a similarity

    def forward(self, *inputs: Tensor) -> Tensor:
        """See the class."""
        output = getattr(self.model, self._method)(**dict(zip(self._names, inputs, strict=True)))
        features: Tensor = output.pooler_output
        return features


@dataclass(frozen=True, slots=True)
class Towers:
    """`images`: pixels [n, 3, side, side], or the parts of a `PatchRecipe`, in `dtype`; `texts`: ids [n, t], and a mask
    where the tower takes one. Both give features [n, d]. What is compiled holds no weights twice.
    """

    images: Pass
    texts: Pass
    device: torch.device
    dtype: torch.dtype

    @classmethod
    def of(
        cls, model: PreTrainedModel, image_names: Sequence[str], text_names: Sequence[str], backend: BackendName
    ) -> Towers:
        """Of a loaded model, which the caller does not keep. `backend`: of one in float32 on the CPU."""
        device, dtype, config = model.device, model.dtype, model.config
        if config.model_type in _FIRST_TOKEN:
            see_first_token(model.vision_model)
        images = Tower(model, "get_image_features", image_names, without="text")
        texts = Tower(model, "get_text_features", text_names, without="vis")
        del model
        if device.type != "cpu" or dtype is not torch.float32:
            return cls(images, texts, device, dtype)
        on_torch = config.model_type in _ON_TORCH
        see = images if on_torch else _compiled_images(images, config.vision_config, backend)
        del images  # before the next copy of weights is made
        return cls(see, _compiled_texts(texts, len(text_names), config.text_config, backend), device, dtype)


def _compiled_images(tower: Tower, vision: Any, backend: BackendName) -> Pass:
    wide = torch.get_num_threads() > _MOST_SPREAD
    shape = (3, vision.image_size, vision.image_size)
    graph = partial(exported, tower, [torch.randn(2, *shape)], [{0: "n"}], vision.to_json_string())
    other, threads = [torch.randn(1, *shape)], None if wide else 1
    found = compiled(tower, graph, other, backend=backend, name="CLIP (images)", threads=threads)
    if found is tower:
        return tower
    rows = max(1, _TOKENS // (vision.image_size // vision.patch_size) ** 2)
    return Spread(found, rows, threads=1) if wide else Spread(found, rows)


def _compiled_texts(tower: Tower, inputs: int, text: Any, backend: BackendName) -> Pass:
    given, other = (_texts(text.vocab_size, rows, length)[:inputs] for rows, length in ((2, 9), (1, 6)))
    graph = partial(exported, tower, given, [{0: "n", 1: "t"}] * inputs, text.to_json_string())
    found = compiled(tower, graph, other, backend=backend, name="CLIP (texts)", threads=1)
    if found is tower:
        return tower

    def read(ids: Tensor, *mask: Tensor) -> Tensor:
        return Spread(found, max(1, _TOKENS // ids.shape[1]))(ids, *mask)

    return read


def _texts(vocabulary: int, rows: int, length: int) -> list[Tensor]:
    """Ids and a mask; the last row is padded."""
    mask = torch.ones(rows, length, dtype=torch.long)
    mask[-1, length // 2 :] = 0
    return [torch.randint(vocabulary, (rows, length)), mask]
