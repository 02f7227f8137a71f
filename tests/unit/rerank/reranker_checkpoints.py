"""A tiny Qwen3-VL reranker with random weights, laid out as the published one is for sentence-transformers."""

import json
from pathlib import Path

from tests.unit.rerank.checkpoints import make

TEMPLATE = (
    "<|im_start|>system\nJudge whether the Document meets the requirements.<|im_end|>\n<|im_start|>user\n<Instruct>: "
    "{% for message in messages if message.role == 'system' %}"
    "{{ message.content if message.content is string else message.content[0].text }}{% endfor %}"
    "{% for message in messages if message.role != 'system' %}"
    "{{ '<Query>:' if message.role == 'query' else '\n<Document>:' }}"
    "{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}"
    "{{ '<|vision_start|><|image_pad|><|vision_end|>' if part.type == 'image' else part.text }}"
    "{% endfor %}{% endif %}{% endfor %}<|im_end|>\n<|im_start|>assistant\n"
)
_LOGITS = {"method": "forward", "method_output_name": "logits"}
_PARTS = (
    "sentence_transformers.base.modules.transformer.Transformer",
    ("sentence_transformers.cross_encoder.modules.logit_score.LogitScore"),
)
YES, NO = 300, 301


def make_reranker(folder: Path) -> Path:
    """Write the checkpoint below a folder: true classes, the score is the logit of yes less that of no."""
    place = make("qwen3-vl", folder, template=TEMPLATE)
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": kind}
        for number, (path, kind) in enumerate(zip(("", "1_LogitScore"), _PARTS, strict=True))
    ]
    transformer = {
        "transformer_task": "any-to-any",
        "modality_config": {"text": _LOGITS, "image": _LOGITS, "message": {**_LOGITS, "format": "structured"}},
        "module_output_name": "causal_logits",
    }
    (place / "1_LogitScore").mkdir()
    for name, content in (
        ("modules.json", modules),
        ("sentence_bert_config.json", transformer),
        ("1_LogitScore/config.json", {"true_token_id": YES, "false_token_id": NO}),
        ("config_sentence_transformers.json", {"model_type": "CrossEncoder", "prompts": {}}),
    ):
        (place / name).write_text(json.dumps(content))
    return place
