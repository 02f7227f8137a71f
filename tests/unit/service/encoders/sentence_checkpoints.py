"""Tiny checkpoints of sentence-transformers with random weights, of the true classes and laid out as published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import EmbeddingGemma2Config, EmbeddingGemma2Model, PreTrainedTokenizerFast
from transformers.models.gemma4.feature_extraction_gemma4 import Gemma4AudioFeatureExtractor
from transformers.models.gemma4.image_processing_pil_gemma4 import Gemma4ImageProcessorPil

from tests.unit.rerank.checkpoints import make, words

fast: Any = PreTrainedTokenizerFast

GEMMA_PROMPTS = {"query": "task: search result | query: ", "document": "title: none | text: "}
QWEN_PROMPTS = {"query": "Find the product. ", "document": "Represent the user's input."}
_MARKS = {
    "pad": "<pad>",
    "eos": "<eos>",
    "bos": "<bos>",
    "image": "<image_soft_token>",
    "boi": "<start_of_image>",
    "eoi": "<end_of_image>",
    "audio": "<audio_soft_token>",
    "boa": "<start_of_audio>",
    "eoa": "<end_of_audio>",
    "video": "<|video|>",
}
_GEMMA_TEMPLATE = (
    "{% for message in messages %}{% if message.content is string %}{{ message.content }}{% else %}"
    "{% for part in message.content %}{{ '<image_soft_token>' if part.type == 'image' else part.text }}{% endfor %}"
    "{% endif %}{% endfor %}"
)
_HIDDEN = {"method": "forward", "method_output_name": "last_hidden_state"}
_TRANSFORMER = "sentence_transformers.base.modules.transformer.Transformer"
_POOLING = "sentence_transformers.sentence_transformer.modules.pooling.Pooling"
_NORMALIZE = "sentence_transformers.base.modules.normalize.Normalize"


def make_embedding_gemma(place: Path) -> Path:
    """EmbeddingGemma 2: 24 dimensions, mean pooling, two prompts; text, image, or both in one input."""
    torch.manual_seed(0)
    marks = list(_MARKS.values())
    named = {f"{name}_token": _MARKS[name] for name in ("image", "boi", "eoi", "audio", "boa", "eoa")}
    closing = {f"{name}_token": _MARKS[name] for name in ("pad", "eos", "bos")}
    learned = words(marks, _MARKS["eos"])._tokenizer
    tokenizer = fast(tokenizer_object=learned, model_max_length=200, extra_special_tokens=named, **closing)
    ids = {name: tokenizer.convert_tokens_to_ids(mark) for name, mark in _MARKS.items()}
    EmbeddingGemma2Model(_gemma_config(len(tokenizer), ids)).save_pretrained(place)
    tokenizer.save_pretrained(place)
    images = Gemma4ImageProcessorPil(patch_size=4, max_soft_tokens=70, pooling_kernel_size=3)
    parts: dict[str, Any] = {"image_processor": images, "feature_extractor": Gemma4AudioFeatureExtractor()}
    processor = {name: json.loads(part.to_json_string()) for name, part in parts.items()}
    videos = {"video_processor": {"video_processor_type": "EmbeddingGemma2VideoProcessor"}}
    _write(place, "processor_config.json", {"processor_class": "EmbeddingGemma2Processor", **processor, **videos})
    (place / "chat_template.jinja").write_text(_GEMMA_TEMPLATE)
    kinds = {"text": _HIDDEN, "image": _HIDDEN, "message": {**_HIDDEN, "format": "structured"}}
    _lay_out(place, kinds, pooling="mean", width=24, prompts=GEMMA_PROMPTS)
    return place


def make_qwen_embedding(folder: Path, template: str | None = None) -> Path:
    """Qwen3-VL-Embedding: 32 dimensions, the last token, everything through the chat template."""
    place = make("qwen3-vl", folder, template=template)
    kinds = {"text": _HIDDEN, "image": _HIDDEN, "message": {**_HIDDEN, "format": "structured"}}
    _lay_out(place, kinds, pooling="lasttoken", width=32, prompts=QWEN_PROMPTS)
    return place


def _gemma_config(size: int, ids: dict[str, int]) -> EmbeddingGemma2Config:
    text = {
        "vocab_size": size + 2,
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "global_head_dim": 16,
        "num_global_key_value_heads": 1,
        "sliding_window": 8,
        "layer_types": ["sliding_attention", "full_attention"],
        "hidden_size_per_layer_input": 8,
        "embedding_dim": 24,
        **{f"{name}_token_id": ids[name] for name in ("pad", "eos", "bos")},
    }
    eye = {"num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8}
    more = {"hidden_size": 16, "intermediate_size": 16, "patch_size": 4, "position_embedding_size": 256}
    tokens = {f"{name}_token_id": ids[name] for name in ("boi", "eoi", "image", "video", "boa", "audio")}
    vision = {"model_type": "gemma4_vision", **eye, **more}
    made: Any = EmbeddingGemma2Config  # its type is that of the decorated class
    config: EmbeddingGemma2Config = made(
        text_config=text, vision_config=vision, audio_config=None, eoa_token_index=ids["eoa"], **tokens
    )
    return config


def _lay_out(place: Path, kinds: dict[str, Any], *, pooling: str, width: int, prompts: dict[str, str]) -> None:
    """The files of sentence-transformers around a checkpoint of transformers."""
    parts = (("", _TRANSFORMER), ("1_Pooling", _POOLING), ("2_Normalize", _NORMALIZE))
    listed = [{"idx": n, "name": str(n), "path": path, "type": kind} for n, (path, kind) in enumerate(parts)]
    transformer = {
        "transformer_task": "feature-extraction",
        "modality_config": kinds,
        "module_output_name": "token_embeddings",
    }
    config = {"model_type": "SentenceTransformer", "prompts": prompts, "default_prompt_name": None}
    for name, content in (
        ("modules.json", listed),
        ("sentence_bert_config.json", transformer),
        ("1_Pooling/config.json", {"embedding_dimension": width, "pooling_mode": pooling, "include_prompt": True}),
        ("2_Normalize/config.json", {}),
        ("config_sentence_transformers.json", config),
    ):
        _write(place, name, content)


def _write(place: Path, name: str, content: object) -> None:
    (place / name).parent.mkdir(exist_ok=True)
    (place / name).write_text(json.dumps(content))
