"""Encoders by name: the registry of encoders, their descriptions, and how settings select them.

Nothing heavy is imported before an encoder is loaded, so that listing them is quick.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.encoders.batching import BatchingEncoder
from service.encoders.encoder import Encoder
from service.encoders.starter import STARTER_ID, StarterEncoder
from service.errors import EncoderUnavailable, UnknownEncoder
from service.settings import Settings

if TYPE_CHECKING:
    from service.encoders.clip_family.encoder import Blend

Loader = Callable[[Settings], Encoder]


@dataclass(frozen=True, slots=True)
class EncoderEntry:
    """One encoder. `dimension` and `max_text_tokens` are those of the usual weights (`source`).

    `results` are published or our own numbers, with the data they were measured on; `settings` are the variables
    that select the encoder and shape its vectors.
    """

    name: str
    summary: str
    dimension: int
    max_text_tokens: int
    source: str
    licence: str
    results: str
    settings: tuple[str, ...]
    load: Loader


def _starter(settings: Settings) -> Encoder:
    return StarterEncoder.load(settings.encoder.path)


def _visualized_bge(name: str) -> Loader:
    def load(settings: Settings) -> Encoder:
        from service.encoders.visualized_bge.encoder import VisualizedBgeEncoder  # noqa: PLC0415 (see above)

        return VisualizedBgeEncoder.load(
            name,
            settings.encoder.path,
            text_model=settings.encoder.text_model,
            revision=settings.encoder.revision,
            device=settings.encoder.device,
            dtype=settings.encoder.dtype,
            fit=settings.encoder.fit,
            batch=settings.encoder.batch,
        )

    return load


def _clip_family(name: str, source: str, blend: Blend = "unit") -> Loader:
    def load(settings: Settings) -> Encoder:
        from service.encoders.clip_family.encoder import ClipEncoder  # noqa: PLC0415 (see above)

        return ClipEncoder.load(
            settings.encoder.path or source,
            id=name,
            revision=settings.encoder.revision,
            device=settings.encoder.device,
            dtype=settings.encoder.dtype,
            fit=settings.encoder.fit,
            blend=blend,
            text_weight=settings.encoder.text_weight,
            batch=settings.encoder.batch,
        )

    return load


_VISUALIZED_SETTINGS = ("ENCODER_PATH", "ENCODER_TEXT_MODEL", "ENCODER_REVISION", "ENCODER_FIT")
_CLIP_SETTINGS = ("ENCODER_PATH", "ENCODER_REVISION", "ENCODER_FIT", "ENCODER_TEXT_WEIGHT")

_ENTRIES = (
    EncoderEntry(
        STARTER_ID,
        "small composed encoder, bundled",
        dimension=576,
        max_text_tokens=64,
        source="starter/weights",
        licence="Apache-2.0",
        results="see starter/README.md",
        settings=("ENCODER_PATH",),
        load=_starter,
    ),
    EncoderEntry(
        "visualized-bge-base-en",
        "Visualized BGE over bge-base-en-v1.5: images as tokens of an English text model",
        dimension=768,
        max_text_tokens=512,
        source="BAAI/bge-visualized, Visualized_base_en_v1.5.pth",
        licence="MIT",
        results="R@5 zero-shot: WebQA 60.1, CIRR 22.5, FashionIQ 7.5, ReMuQ 84.7 (arXiv 2406.04292)",
        settings=_VISUALIZED_SETTINGS,
        load=_visualized_bge("visualized-bge-base-en"),
    ),
    EncoderEntry(
        "visualized-bge-m3",
        "Visualized BGE over bge-m3: many languages, long texts",
        dimension=1024,
        max_text_tokens=8192,
        source="BAAI/bge-visualized, Visualized_m3.pth",
        licence="MIT",
        results="R@5 zero-shot: WebQA 62.3, CIRR 20.2, FashionIQ 6.6, ReMuQ 91.3 (arXiv 2406.04292)",
        settings=_VISUALIZED_SETTINGS,
        load=_visualized_bge("visualized-bge-m3"),
    ),
    EncoderEntry(
        "bge-vl",
        "BGE-VL base; large with ENCODER_PATH=BAAI/BGE-VL-large. CLIP trained for composed queries",
        dimension=512,
        max_text_tokens=77,
        source="BAAI/BGE-VL-base",
        licence="MIT",
        results="zero-shot, base / large: CIRCO mAP@5 34.3 / 39.2, CIRR R@1 36.1 / 38.0 (arXiv 2412.14475)",
        settings=_CLIP_SETTINGS,
        load=_clip_family("bge-vl", "BAAI/BGE-VL-base", blend="raw"),
    ),
    EncoderEntry(
        "clip",
        "OpenAI CLIP, or any CLIPModel: text to image, image to image",
        dimension=512,
        max_text_tokens=77,
        source="openai/clip-vit-base-patch32",
        licence="MIT",
        results="R@5 zero-shot: WebQA 10.5, CIRR 13.4, FashionIQ 3.6 (as measured in arXiv 2406.04292)",
        settings=_CLIP_SETTINGS,
        load=_clip_family("clip", "openai/clip-vit-base-patch32"),
    ),
    EncoderEntry(
        "chinese-clip",
        "Chinese-CLIP, or any ChineseCLIPModel: the same with Chinese texts",
        dimension=512,
        max_text_tokens=52,
        source="OFA-Sys/chinese-clip-vit-base-patch16",
        licence="MIT",
        results="R@1 zero-shot: MUGE 52.1, Flickr30K-CN 62.7, COCO-CN 62.2 (the project's Results.md)",
        settings=_CLIP_SETTINGS,
        load=_clip_family("chinese-clip", "OFA-Sys/chinese-clip-vit-base-patch16"),
    ),
    EncoderEntry(
        "siglip",
        "SigLIP, or any SiglipModel; its tokenizer needs the package sentencepiece",
        dimension=768,
        max_text_tokens=64,
        source="google/siglip-base-patch16-224",
        licence="Apache-2.0",
        results="see arXiv 2303.15343",
        settings=_CLIP_SETTINGS,
        load=_clip_family("siglip", "google/siglip-base-patch16-224"),
    ),
)

ENCODERS: dict[str, EncoderEntry] = {entry.name: entry for entry in _ENTRIES}


def load_encoder(settings: Settings) -> Encoder:
    """Load the encoder that the settings name.

    Raises `UnknownEncoder`, listing the known names, or `EncoderUnavailable` if its files are missing.
    """
    entry = ENCODERS.get(settings.encoder.name)
    if entry is None:
        known = ", ".join(sorted(ENCODERS))
        raise UnknownEncoder(f"There is no encoder {settings.encoder.name!r}. Set WITHTHIS_ENCODER to one of: {known}.")
    try:
        return entry.load(settings)
    except (OSError, ImportError, ValueError, KeyError, RuntimeError) as error:  # what broken weight files raise
        raise EncoderUnavailable from error


def in_batches(encoder: Encoder, settings: Settings) -> Encoder | BatchingEncoder:
    """The encoder with batching: concurrent searches share batches, unless the settings turn that off."""
    if settings.encoder.max_batch == 1:
        return encoder
    return BatchingEncoder(
        encoder,
        max_batch=settings.encoder.max_batch,
        max_wait_ms=settings.encoder.max_wait_ms,
        queue=settings.encoder.queue,
        retry_after_s=settings.server.retry_after_s,
    )
