"""Dimensions of Visualized BGE: the two published models, and their representation in a folder."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, cast

from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig, BertConfig, PretrainedConfig, XLMRobertaConfig

from service.errors import ConfigurationError, EncoderUnavailable

VISION_FILE = "vision.json"
TEXT_FILE = "config.json"
WEIGHTS_REPO = "BAAI/bge-visualized"
WEIGHTS_REVISION = "98db10b10d22620010d06f11733346e1c98c34aa"


@dataclass(frozen=True, slots=True)
class VisionConfig:
    """An EVA-02-CLIP tower; the names are those of `vision.json`. Sizes in pixels, channels or tokens.

    `pt_hw_seq_len` is the grid that the rotary positions were made for, `embed_dim` the width of CLIP's own head,
    which is in the files but never used here.
    """

    eva_model: str
    width: int
    layers: int
    head_width: int
    patch_size: int
    embed_dim: int
    image_size: int = 224
    mlp_ratio: float = 2.6667
    layer_norm_eps: float = 1e-6
    pt_hw_seq_len: int = 16
    rope_theta: float = 10000.0
    image_mean: tuple[float, float, float] = (0.48145466, 0.4578275, 0.40821073)
    image_std: tuple[float, float, float] = (0.26862954, 0.26130258, 0.27577711)

    @property
    def heads(self) -> int:
        """Attention heads of a block."""
        return self.width // self.head_width

    @property
    def grid(self) -> int:
        """Patches along one side."""
        return self.image_size // self.patch_size

    @property
    def image_tokens(self) -> int:
        """Patches of an image."""
        return self.grid * self.grid

    @property
    def mlp_hidden(self) -> int:
        """Width inside the SwiGLU; truncated as in the published code."""
        return int(self.width * self.mlp_ratio)


@dataclass(frozen=True, slots=True)
class Published:
    """One of the two models that BAAI published: its file, the text model it was built on, and its sizes.

    The pinned revisions are those that MTEB's model list and many projects name; the hub was not reachable when this
    was written, so they are unverified.
    """

    id: str
    file: str
    text_repo: str
    text_revision: str
    vision: VisionConfig
    text: PretrainedConfig

    @property
    def download(self) -> str:
        """The command that fetches the weights into the current folder."""
        return f"hf download {WEIGHTS_REPO} {self.file} --revision {WEIGHTS_REVISION} --local-dir ."


def _bert() -> BertConfig:
    return BertConfig(
        vocab_size=30522,
        hidden_size=768,
        num_hidden_layers=12,
        num_attention_heads=12,
        intermediate_size=3072,
        max_position_embeddings=512,
        type_vocab_size=2,
        layer_norm_eps=1e-12,
        pad_token_id=0,
    )


def _xlm_roberta() -> XLMRobertaConfig:
    return XLMRobertaConfig(
        vocab_size=250002,
        hidden_size=1024,
        num_hidden_layers=24,
        num_attention_heads=16,
        intermediate_size=4096,
        max_position_embeddings=8194,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        pad_token_id=1,
    )


PUBLISHED = {
    model.id: model
    for model in (
        Published(
            id="visualized-bge-base-en",
            file="Visualized_base_en_v1.5.pth",
            text_repo="BAAI/bge-base-en-v1.5",
            text_revision="a5beb1e3e68b9ab74eb54cfd186867f64f240e1a",
            vision=VisionConfig("EVA02-CLIP-B-16", width=768, layers=12, head_width=64, patch_size=16, embed_dim=512),
            text=_bert(),
        ),
        Published(
            id="visualized-bge-m3",
            file="Visualized_m3.pth",
            text_repo="BAAI/bge-m3",
            text_revision="5617a9f61b028005a4858fdac845db406aefb181",
            vision=VisionConfig("EVA02-CLIP-L-14", width=1024, layers=24, head_width=64, patch_size=14, embed_dim=768),
            text=_xlm_roberta(),
        ),
    )
}


def published(name: str) -> Published:
    """The published model called `name`. Raises `ConfigurationError` that lists the known ones."""
    if name not in PUBLISHED:
        raise ConfigurationError(f"There is no Visualized BGE {name!r}. Take one of: {', '.join(PUBLISHED)}.")
    return PUBLISHED[name]


def read_text_config(folder: Path) -> PretrainedConfig:
    """The text encoder's `config.json`. Raises `EncoderUnavailable` if it is missing or of another kind."""
    path = folder / TEXT_FILE
    try:
        config = cast(PretrainedConfig, AutoConfig.from_pretrained(folder, local_files_only=True))
    except (OSError, ValueError, KeyError, TypeError, StrictDataclassError) as error:
        raise EncoderUnavailable(f"{path} is missing or is not the configuration of a text model.") from error
    if not isinstance(config, BertConfig | XLMRobertaConfig):
        raise EncoderUnavailable(f"{path} must describe a 'bert' or 'xlm-roberta' model, not {config.model_type!r}.")
    return config


def read_vision_config(folder: Path, model: Published) -> VisionConfig:
    """`vision.json` of a folder, or the published sizes if it has none. Unknown members are left alone.

    Raises `EncoderUnavailable` if the file is broken or belongs to the other model.
    """
    path = folder / VISION_FILE
    if not path.exists():
        return model.vision
    try:
        written: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        known = {field.name: written[field.name] for field in fields(VisionConfig) if field.name in written}
        for name in ("image_mean", "image_std"):
            known[name] = tuple(known[name])
        config = VisionConfig(**known)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EncoderUnavailable(f"{path} cannot be read as the sizes of a vision tower.") from error
    if config.eva_model != model.vision.eva_model:
        raise EncoderUnavailable(f"{path} describes {config.eva_model}, but {model.id} needs {model.vision.eva_model}.")
    return config


def write_vision_config(config: VisionConfig, folder: Path) -> None:
    """Write `vision.json` as `read_vision_config` reads it."""
    (folder / VISION_FILE).write_text(json.dumps(asdict(config), indent=1) + "\n", encoding="utf-8")
