"""Both tiny checkpoints, as published and after conversion, loaded once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.encoders.visualized_bge.conversion import convert
from service.encoders.visualized_bge.encoder import VisualizedBgeEncoder
from tests.parity.visualized_bge.golden_data import BOTH, Golden, name_of


@pytest.fixture(scope="session", params=BOTH, ids=name_of)
def golden(request: pytest.FixtureRequest) -> Golden:
    chosen: Golden = request.param
    return chosen


@pytest.fixture(scope="session")
def from_pth(golden: Golden) -> VisualizedBgeEncoder:
    """From the `.pth`."""
    return VisualizedBgeEncoder.load(golden.encoder, golden.weights, device="cpu")


@pytest.fixture(scope="session")
def converted(golden: Golden, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder made from the `.pth`."""
    target = tmp_path_factory.mktemp("converted") / golden.folder.name
    return convert(golden.encoder, golden.weights, target, text_model=golden.folder)


@pytest.fixture(scope="session")
def compiled(
    golden: Golden, converted: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VisualizedBgeEncoder]:
    """In ONNX Runtime; what it exports is kept in a folder of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield VisualizedBgeEncoder.load(golden.encoder, converted, device="cpu", backend="auto")


@pytest.fixture(scope="session", params=["pth", "safetensors"])
def encoder(
    request: pytest.FixtureRequest, golden: Golden, from_pth: VisualizedBgeEncoder, converted: Path
) -> VisualizedBgeEncoder:
    """From either kind of file."""
    if request.param == "pth":
        return from_pth
    return VisualizedBgeEncoder.load(golden.encoder, converted, device="cpu")
