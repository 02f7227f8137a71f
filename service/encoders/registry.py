"""Encoders by name: which there are, what they are, and how one is loaded.

Nothing heavy is imported before an encoder is loaded, so that listing them is quick.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.encoders.encoder import Encoder
from service.encoders.options import EncoderOptions
from service.errors import ConfigurationError, EncoderUnavailable, UnknownEncoder

if TYPE_CHECKING:
    from service.encoders.clip_family.encoder import Blend
    from service.encoders.device import DtypeName
    from service.encoders.fast_dtype import DtypeLoader

Loader = Callable[[EncoderOptions], Encoder]


@dataclass(frozen=True, slots=True)
class EncoderEntry:
    """One encoder. `dimension` and `max_text_tokens` are those of the usual weights (`source`), None: of the model
    that is chosen. `is_remote`: it runs behind a server, which batches the requests of all its callers by itself.

    `results` are published or our own numbers, with the data they were measured on; `settings` are the variables
    that select the encoder and shape its vectors.
    """

    name: str
    summary: str
    dimension: int | None
    max_text_tokens: int | None
    source: str
    license: str
    results: str
    settings: tuple[str, ...]
    load: Loader
    is_remote: bool = False


def _of_any_dtype(load: DtypeLoader) -> Loader:
    """An encoder that computes in the dtype of the options, which `fast` chooses by trying."""

    def loaded(options: EncoderOptions) -> Encoder:
        if options.dtype != "fast":
            return load(options, options.dtype)
        from service.encoders.fast_dtype import load_fast  # noqa: PLC0415 (see above)

        return load_fast(load, options)

    return loaded


def _visualized_bge(name: str) -> Loader:
    def load(options: EncoderOptions, dtype: DtypeName) -> Encoder:
        from service.encoders.visualized_bge.encoder import VisualizedBgeEncoder  # noqa: PLC0415 (see above)

        return VisualizedBgeEncoder.load(
            name,
            options.path,
            text_model=options.text_model,
            revision=options.revision,
            device=options.device,
            dtype=dtype,
            fit=options.fit,
            batch=options.batch,
            query_instruction=options.instructions.query,
            backend=options.backend,
        )

    return _of_any_dtype(load)


def _clip_family(name: str, source: str, blend: Blend = "unit") -> Loader:
    def load(options: EncoderOptions, dtype: DtypeName) -> Encoder:
        from service.encoders.clip_family.encoder import ClipEncoder  # noqa: PLC0415 (see above)

        return ClipEncoder.load(
            options.path or source,
            id=name,
            revision=options.revision,
            device=options.device,
            dtype=dtype,
            fit=options.fit,
            blend=blend,
            text_weight=options.text_weight,
            batch=options.batch,
            backend=options.backend,
        )

    return _of_any_dtype(load)


def _remote(options: EncoderOptions) -> Encoder:
    from service.encoders.remote.loading import load_remote  # noqa: PLC0415 (see above)

    return load_remote(options)


def _magiclens(options: EncoderOptions, dtype: DtypeName) -> Encoder:
    from service.encoders.magiclens.magiclens_encoder import MagicLensEncoder  # noqa: PLC0415 (see above)

    return MagicLensEncoder.load(
        options.path,
        tokenizer=options.text_model,
        device=options.device,
        dtype=dtype,
        fit=options.fit,
        batch=options.batch,
    )


def _sentence_transformers(
    name: str, source: str | None = None, matryoshka: tuple[int, ...] = (), *, prompts_images: bool = True
) -> Loader:
    def load(options: EncoderOptions, dtype: DtypeName) -> Encoder:
        from service.encoders.sentence_models.sentence_encoder import SentenceEncoder  # noqa: PLC0415

        if (path := options.path or source) is None:
            raise EncoderUnavailable(f"The encoder {name} needs WITHTHIS_ENCODER_PATH: a folder or a name on the hub.")
        return SentenceEncoder.load(
            path,
            id=name,
            revision=options.revision,
            device=options.device,
            dtype=dtype,
            dimensions=options.dimensions,
            matryoshka=matryoshka,
            prompts_images=prompts_images,
            instructions=options.instructions,
            text_weight=options.text_weight,
            batch=options.batch,
        )

    return _of_any_dtype(load)


_VISUALIZED_SETTINGS = (
    "ENCODER_PATH",
    "ENCODER_TEXT_MODEL",
    "ENCODER_REVISION",
    "ENCODER_FIT",
    "ENCODER_QUERY_INSTRUCTION",
)
_CLIP_SETTINGS = ("ENCODER_PATH", "ENCODER_REVISION", "ENCODER_FIT", "ENCODER_TEXT_WEIGHT")
_SENTENCE_SETTINGS = (
    "ENCODER_PATH",
    "ENCODER_REVISION",
    "ENCODER_DIMENSIONS",
    "ENCODER_QUERY_INSTRUCTION",
    "ENCODER_DOCUMENT_INSTRUCTION",
)
_POWERS = (64, 128, 256, 512, 1024, 2048)

_ENTRIES = (
    EncoderEntry(
        "visualized-bge-base-en",
        "Visualized BGE over bge-base-en-v1.5: images as tokens of an English text model",
        dimension=768,
        max_text_tokens=512,
        source="BAAI/bge-visualized, Visualized_base_en_v1.5.pth",
        license="MIT",
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
        license="MIT",
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
        license="MIT",
        results="zero-shot, base / large: CIRCO mAP@5 34.3 / 39.2, CIRR R@1 36.1 / 38.0 (arXiv 2412.14475)",
        settings=_CLIP_SETTINGS,
        load=_clip_family("bge-vl", "BAAI/BGE-VL-base", blend="raw"),
    ),
    EncoderEntry(
        "magiclens",
        "MagicLens on CLIP: an image with an instruction; base, or large (768 dimensions). No text without an image",
        dimension=512,
        max_text_tokens=77,
        source="gs://gresearch/magiclens/models, magic_lens_clip_base.pkl or magic_lens_clip_large.pkl",
        license='CC-BY-4.0, as "all other materials" of its repository',
        results="zero-shot, base / large: CIRCO mAP@5 22.3 / 29.5 (these files, by the project's README), "
        "CIRR R@1 27.0 / 30.1 (the originals, arXiv 2403.19651)",
        settings=("ENCODER_PATH", "ENCODER_TEXT_MODEL", "ENCODER_FIT"),
        load=_of_any_dtype(_magiclens),
    ),
    EncoderEntry(
        "clip",
        "OpenAI CLIP, or any CLIPModel: text to image, image to image",
        dimension=512,
        max_text_tokens=77,
        source="openai/clip-vit-base-patch32",
        license="MIT",
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
        license="MIT",
        results="R@1 zero-shot: MUGE 52.1, Flickr30K-CN 62.7, COCO-CN 62.2 (the project's Results.md)",
        settings=_CLIP_SETTINGS,
        load=_clip_family("chinese-clip", "OFA-Sys/chinese-clip-vit-base-patch16"),
    ),
    EncoderEntry(
        "siglip",
        "SigLIP 1 and 2, fixed or NaFlex (keeps an image's shape); the tokenizer of 1 needs the package sentencepiece",
        dimension=768,
        max_text_tokens=64,
        source="google/siglip-base-patch16-224",
        license="Apache-2.0",
        results="see arXiv 2303.15343 and 2502.14786",
        settings=_CLIP_SETTINGS,
        load=_clip_family("siglip", "google/siglip-base-patch16-224"),
    ),
    EncoderEntry(
        "marqo-ecommerce",
        "Marqo-Ecommerce B or L (1,024 dimensions): SigLIP trained on products; converted by `withthis models convert`",
        dimension=768,
        max_text_tokens=64,
        source="Marqo/marqo-ecommerce-embeddings-B",
        license="Apache-2.0",
        results="L, marqo-ecommerce-hard: MRR 17.6% and nDCG@10 20.5% above ViT-SO400M-14-SigLIP (its model card)",
        settings=_CLIP_SETTINGS,
        load=_clip_family("marqo-ecommerce", "Marqo/marqo-ecommerce-embeddings-B"),
    ),
    EncoderEntry(
        "tips",
        "TIPS v2: text to image, image to image; from transformers 5.23 on",
        dimension=768,
        max_text_tokens=64,
        source="google/tipsv2-b14",
        license="Apache-2.0",
        results="see the model card",
        settings=_CLIP_SETTINGS,
        load=_clip_family("tips", "google/tipsv2-b14"),
    ),
    EncoderEntry(
        "embeddinggemma-2",
        "EmbeddingGemma 2 with its image tower: text and image as one input, many languages; runs on CPUs",
        dimension=768,
        max_text_tokens=8192,
        source="google/embeddinggemma-2",
        license="Apache-2.0 by its model card, gemma by MTEB: check before use",
        results="see its model card; MTEB runs CIRR without a prompt on inputs with an image, as is done here",
        settings=_SENTENCE_SETTINGS,
        load=_sentence_transformers(
            "embeddinggemma-2", "google/embeddinggemma-2", (512, 256, 128), prompts_images=False
        ),
    ),
    EncoderEntry(
        "qwen3-vl-embedding-2b",
        "Qwen3-VL-Embedding 2B: text and image as one input, instructions, many languages; for GPUs",
        dimension=2048,
        max_text_tokens=32_768,
        source="Qwen/Qwen3-VL-Embedding-2B",
        license="Apache-2.0",
        results="MMEB-V2 73.2, its image tasks 75.0 (arXiv 2601.04720)",
        settings=_SENTENCE_SETTINGS,
        load=_sentence_transformers("qwen3-vl-embedding-2b", "Qwen/Qwen3-VL-Embedding-2B", _POWERS[:-1]),
    ),
    EncoderEntry(
        "qwen3-vl-embedding-8b",
        "Qwen3-VL-Embedding 8B: the same, larger",
        dimension=4096,
        max_text_tokens=32_768,
        source="Qwen/Qwen3-VL-Embedding-8B",
        license="Apache-2.0",
        results="MMEB-V2 77.8, its image tasks 80.1 (arXiv 2601.04720)",
        settings=_SENTENCE_SETTINGS,
        load=_sentence_transformers("qwen3-vl-embedding-8b", "Qwen/Qwen3-VL-Embedding-8B", _POWERS),
    ),
    EncoderEntry(
        "sentence-transformers",
        "any multimodal model of sentence-transformers, with its own prompts, pooling and dimensions",
        dimension=None,
        max_text_tokens=None,
        source="ENCODER_PATH",
        license="that of the model",
        results="those of the model",
        settings=(*_SENTENCE_SETTINGS, "ENCODER_TEXT_WEIGHT"),
        load=_sentence_transformers("sentence-transformers"),
    ),
    EncoderEntry(
        "remote",
        "any model behind an embedding server: vLLM, TEI, infinity, Cohere, Voyage, Jina",
        dimension=None,
        max_text_tokens=None,
        source="ENCODER_MODEL on the server at ENCODER_URL",
        license="that of the model",
        results="those of the model",
        settings=(
            "ENCODER_URL",
            "ENCODER_MODEL",
            "ENCODER_API_KEY",
            "ENCODER_DIALECT",
            "ENCODER_DIMENSIONS",
            "ENCODER_QUERY_INSTRUCTION",
            "ENCODER_DOCUMENT_INSTRUCTION",
            "ENCODER_TEXT_WEIGHT",
        ),
        load=_remote,
        is_remote=True,
    ),
)

PUBLISHED: dict[str, EncoderEntry] = {entry.name: entry for entry in _ENTRIES}
"""Encoders with published weights; the bundled one brings its own entry."""


def load_encoder(name: str, options: EncoderOptions, known: Mapping[str, EncoderEntry]) -> Encoder:
    """Load an encoder by its name.

    Raises `UnknownEncoder`, listing the known names, `EncoderUnavailable` if its files are missing, or
    `ConfigurationError` for a setting that would shape its vectors and that it does not take.
    """
    entry = known.get(name)
    if entry is None:
        raise UnknownEncoder(
            f"There is no encoder {name!r}. Set WITHTHIS_ENCODER to one of: {', '.join(sorted(known))}."
        )
    for setting, value in _shaping(options).items():
        if value is not None and setting not in entry.settings:
            raise ConfigurationError(f"The encoder {name} does not take WITHTHIS_{setting}. Leave it out.")
    try:
        return entry.load(options)
    except (OSError, ImportError, ValueError, KeyError, RuntimeError) as error:  # what broken weight files raise
        raise EncoderUnavailable from error


def _shaping(options: EncoderOptions) -> dict[str, object]:
    """Settings that shape vectors where an encoder takes them, by their names."""
    return {
        "ENCODER_DIMENSIONS": options.dimensions,
        "ENCODER_QUERY_INSTRUCTION": options.instructions.query,
        "ENCODER_DOCUMENT_INSTRUCTION": options.instructions.document,
    }
