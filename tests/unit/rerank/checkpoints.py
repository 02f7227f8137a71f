"""Tiny checkpoints with random weights and a real tokenizer, laid out as published ones are."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    PreTrainedTokenizerFast,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
)
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

from rerank.prompts import PromptLibrary

KINDS = ("smolvlm", "qwen2-vl", "qwen3-vl")
"""Those that work with what the project installs; there is "smolvlm2", too."""

fast: Any = PreTrainedTokenizerFast

SMOLVLM_TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{ message.role | capitalize }}"
    "{{ ':' if message.content[0].type == 'image' else ': ' }}"
    "{% for part in message.content %}{{ '<image>' if part.type == 'image' else part.text }}{% endfor %}"
    "<end_of_utterance>\n{% endfor %}{{ 'Assistant:' if add_generation_prompt }}"
)
QWEN_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{% for part in message.content %}"
    "{{ '<|vision_start|><|image_pad|><|vision_end|>' if part.type == 'image' else part.text }}{% endfor %}"
    "<|im_end|>\n{% endfor %}{{ '<|im_start|>assistant\n' if add_generation_prompt }}"
)
SMOLVLM_MARKS = ["<|im_start|>", "<end_of_utterance>", "<image>", "<fake_token_around_image>", "<global-img>"]
SMOLVLM_MARKS += [f"<row_{row}_col_{column}>" for row in (1, 2) for column in (1, 2)]
QWEN_MARKS = ["<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]


def words(marks: list[str], end: str) -> PreTrainedTokenizerFast:
    """Byte-level BPE learned from the project's own prompts; `<think>` is added, but not special, as with Qwen."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=640, special_tokens=marks, initial_alphabet=alphabet, show_progress=False)
    answers = ['{"ranking": ["A", "B"], "reason": "it fits best"}', "Assistant: A", "Assistant: B"] * 99
    bpe.train_from_iterator([*(prompt.template for prompt in PromptLibrary.load()), *answers], trainer)
    made: PreTrainedTokenizerFast = fast(
        tokenizer_object=bpe, eos_token=end, pad_token=end, additional_special_tokens=marks
    )
    made.add_tokens(["<think>"])
    return made


def make(kind: str, folder: Path, *, context: int = 4096, template: str | None = None) -> Path:
    """Write the checkpoint `kind` into a new folder below `folder`; the folder."""
    torch.manual_seed(0)
    model, tokenizer, images, processor = (
        _smolvlm(kind, context) if kind.startswith("smolvlm") else _qwen(kind, context)
    )
    with torch.no_grad():
        model.get_output_embeddings().weight.mul_(50)  # sharp preferences, so that the mask has work to do
    place = folder / kind
    for part in (model, tokenizer, images):
        part.save_pretrained(place)
    default = SMOLVLM_TEMPLATE if kind.startswith("smolvlm") else QWEN_TEMPLATE
    (place / "chat_template.jinja").write_text(default if template is None else template)
    (place / "processor_config.json").write_text(processor)
    return place


def _decoder(tokenizer: PreTrainedTokenizerFast, context: int) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer) + 3,
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": context,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def _smolvlm(kind: str, context: int) -> tuple[Any, Any, Any, str]:
    """SmolVLM (an Idefics3) and SmolVLM2, which cut images into tiles and write a space after "Assistant:"."""
    tokenizer = words(SMOLVLM_MARKS, "<end_of_utterance>")
    eye = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    shape: dict[str, Any] = {
        "image_token_id": tokenizer.convert_tokens_to_ids("<image>"),
        "pad_token_id": tokenizer.pad_token_id,
        "scale_factor": 2,
        "vision_config": {**eye, "image_size": 32, "patch_size": 8},
        "text_config": {"model_type": "llama", **_decoder(tokenizer, context)},
    }
    sizes: dict[str, Any] = {"size": {"longest_edge": 64}, "max_image_size": {"longest_edge": 32}}
    processor = '{"processor_class": "%s", "image_seq_len": 4}'
    if kind == "smolvlm":
        model: Any = Idefics3ForConditionalGeneration(Idefics3Config(**shape))
        return model, tokenizer, Idefics3ImageProcessorPil(**sizes), processor % "Idefics3Processor"
    model = SmolVLMForConditionalGeneration(SmolVLMConfig(**shape))
    return model, tokenizer, SmolVLMImageProcessorPil(**sizes), processor % "SmolVLMProcessor"


def _qwen(kind: str, context: int) -> tuple[Any, Any, Any, str]:
    """Qwen2-VL and Qwen3-VL: images of any shape, rotary positions in three dimensions."""
    tokenizer = words(QWEN_MARKS, "<|im_end|>")
    marks = ("image_token_id", "<|image_pad|>"), ("video_token_id", "<|video_pad|>")
    ids: dict[str, Any] = {name: tokenizer.convert_tokens_to_ids(mark) for name, mark in marks}
    ids["vision_start_token_id"] = tokenizer.convert_tokens_to_ids("<|vision_start|>")
    ids["vision_end_token_id"] = tokenizer.convert_tokens_to_ids("<|vision_end|>")
    decoder = _decoder(tokenizer, context)
    rope = {"rope_type": "default", "mrope_section": [4, 2, 2], "rope_theta": 10000.0}
    if kind == "qwen2-vl":
        eye = {"depth": 1, "embed_dim": 32, "hidden_size": 32, "num_heads": 2, "patch_size": 14, "mlp_ratio": 1}
        config: Any = Qwen2VLConfig(text_config={**decoder, "rope_parameters": rope}, vision_config=eye, **ids)
        model: Any = Qwen2VLForConditionalGeneration(config)
    else:
        eye = {"depth": 1, "hidden_size": 32, "out_hidden_size": 32, "num_heads": 2, "intermediate_size": 32}
        more = {"patch_size": 14, "num_position_embeddings": 16, "deepstack_visual_indexes": [0]}
        text = {**decoder, "head_dim": 16, "rope_parameters": rope}
        config = Qwen3VLConfig(text_config=text, vision_config={**eye, **more}, **ids)
        model = Qwen3VLForConditionalGeneration(config)
    images = Qwen2VLImageProcessorPil(size={"shortest_edge": 28 * 28, "longest_edge": 56 * 56}, patch_size=14)
    processor = '{"processor_class": "%s"}' % ("Qwen2VLProcessor" if kind == "qwen2-vl" else "Qwen3VLProcessor")
    return model, tokenizer, images, processor
