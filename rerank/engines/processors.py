"""The processor of a checkpoint (tokenizer, image preparation, chat template), even without torchvision.

transformers prepares images with torchvision or with Pillow. Videos need torchvision, and processors that could
take videos ask for it at once. No engine here shows a video, so such a processor is put together without that part.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from transformers import AutoConfig, AutoFeatureExtractor, AutoImageProcessor, AutoProcessor, AutoTokenizer
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

from rerank.errors import EngineError

__all__ = ["load_processor", "without_torchvision"]

_VIDEO = "video_processor"
_Processor: Any = AutoProcessor
_PARTS: dict[str, Any] = {
    "tokenizer": AutoTokenizer,
    "image_processor": AutoImageProcessor,
    "feature_extractor": AutoFeatureExtractor,
}


def load_processor(model: str, revision: str | None = None) -> Any:
    """The processor of `model`, a name on the hub or a folder. Code that comes with a checkpoint is never run.

    Raises:
        OSError: its files are missing.
        EngineError: it is none of transformers' own, or needs a package that is not installed.
    """
    try:
        return _AnyProcessor.from_pretrained(model, revision=revision or "main", trust_remote_code=False)
    except ImportError as error:
        raise EngineError(
            "This model's processor needs a package that is not installed: most often torchvision (install the build "
            "that belongs to your torch), and num2words for SmolVLM2."
        ) from error
    except ValueError as error:
        raise EngineError("This checkpoint has no processor that transformers itself can run.") from error


@contextmanager
def without_torchvision() -> Iterator[None]:
    """Let sentence-transformers load processors as `load_processor` does, while the block runs.

    It has no way to be given a processor: it asks `AutoProcessor` of its module, which is replaced for that long.
    """
    from sentence_transformers.base.modules import transformer  # noqa: PLC0415 (an extra)

    module: Any = transformer
    with _LOADING:
        usual, module.AutoProcessor = module.AutoProcessor, _AnyProcessor
        try:
            yield
        finally:
            module.AutoProcessor = usual


_LOADING = threading.RLock()


class _AnyProcessor:
    """`AutoProcessor`, and where that asks for torchvision, the same without videos."""

    @staticmethod
    def from_pretrained(model: str, **source: Any) -> Any:
        """Raises as `AutoProcessor` does; ImportError also if the processor cannot be built without its videos."""
        try:
            return _Processor.from_pretrained(model, **source)
        except ImportError:
            return _without_videos(model, source)


class _NoVideos(dict[str, Any]):
    """A stand-in for a video processor; only its settings are read. A dict, as those get printed."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


def _without_videos(model: str, source: dict[str, Any]) -> Any:
    """The processor class of the checkpoint, built from its other parts. ImportError if it cannot be built."""
    known: Any = PROCESSOR_MAPPING.get(type(AutoConfig.from_pretrained(model, **source)), None)
    attributes = known.get_attributes() if known is not None else []
    if known is None or not _PARTS.keys() | {_VIDEO} >= set(attributes):
        raise ImportError("this processor cannot be built without its optional packages")
    parts = [_NoVideos() if name == _VIDEO else _PARTS[name].from_pretrained(model, **source) for name in attributes]
    values, _ = known.get_processor_dict(model, revision=source.get("revision"))
    return _tolerant(known).from_args_and_dict(parts, values)


def _tolerant(known: Any) -> Any:
    """A subclass that takes the stand-in for a video processor."""

    def check(self: Any, name: str, part: Any) -> Any:
        return type(part) if name == _VIDEO else known.check_argument_for_proper_class(self, name, part)

    return type(known.__name__, (known,), {"check_argument_for_proper_class": check})
