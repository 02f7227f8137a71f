"""Phi-3 Vision: transformers' Phi-3 with an image embedding next to its word embedding."""

from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import Phi3ForCausalLM

from rerank.engines.phi3_vision.config import Phi3VisionConfig
from rerank.engines.phi3_vision.image_embedding import ImageEmbedding
from rerank.engines.phi3_vision.image_processing import ImageCrops

__all__ = ["Phi3VisionForCausalLM"]


class Phi3VisionForCausalLM(Phi3ForCausalLM):  # type: ignore[no-untyped-call]
    """The published model; its 592 parameters carry the published names.

    Prompts enter as vectors alone. With the ids next to them transformers would drop the cache where the long rope
    factors begin (position 4,096) and compute it again from the ids, without the images.
    """

    def __init__(self, config: Phi3VisionConfig) -> None:
        super().__init__(config.language)
        self.model.vision_embed_tokens = ImageEmbedding(config.vision, config.language.hidden_size)

    def see(self, image: ImageCrops) -> Tensor:
        """The vectors of one image [tokens, hidden size]."""
        embedding = self.model.vision_embed_tokens
        features: Tensor = embedding(image.pixels.to(_device(embedding.glb_GN)), image.rows, image.columns)
        return features

    def embed(self, ids: Sequence[int], images: Sequence[Tensor]) -> Tensor:
        """The prompt as vectors [length, hidden size]; negative ids are the places of the images, in order."""
        words = self.model.embed_tokens
        tokens = torch.tensor(ids, device=_device(words.weight))
        vectors: Tensor = words(tokens.clamp(min=0))
        if images:
            vectors[tokens < 0] = torch.cat(list(images)).to(vectors)
        return vectors

    def answer(
        self, prompt: Tensor, *, max_new_tokens: int, stop_ids: Collection[int], pad_id: int, **options: Any
    ) -> list[int]:
        """Decode greedily, with cache: the new ids. `options` (such as logits processors) go to `generate`."""
        generated = self.generate(  # type: ignore[misc]
            inputs_embeds=prompt[None],
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long, device=prompt.device),
            max_new_tokens=max_new_tokens,
            do_sample=False,
            eos_token_id=list(stop_ids) or None,
            pad_token_id=pad_id,
            **options,
        )
        ids: list[int] = generated[0].tolist()
        return ids

    def next_logits(self, prompts: Sequence[Tensor]) -> Tensor:
        """One forward pass over prompts of any length: the logits of what follows each, [prompts, vocabulary].

        Rope factors are chosen by the longest prompt, so prompts on either side of the switch do not belong together.
        """
        width = max(map(len, prompts))
        batch = torch.stack([functional.pad(prompt, (0, 0, width - len(prompt), 0)) for prompt in prompts])
        output = self(inputs_embeds=batch, **_places(prompts, batch), use_cache=False, logits_to_keep=1)
        logits: Tensor = output.logits[:, -1]
        return logits


def _places(prompts: Sequence[Tensor], batch: Tensor) -> dict[str, Tensor]:
    """Mask and positions for prompts padded on the left; nothing if none is padded, because attention is faster that
    way.
    """
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=batch.device)
    mask = torch.arange(batch.shape[1], device=batch.device) >= batch.shape[1] - lengths[:, None]
    if mask.all():
        return {}
    return {"attention_mask": mask.long(), "position_ids": (mask.cumsum(-1) - 1).clamp(min=0)}


def _device(parameter: Tensor) -> torch.device:
    """Where inputs for a parameter go; accelerate moves them on if the parameter itself is kept elsewhere."""
    return torch.device("cpu") if parameter.device.type == "meta" else parameter.device
