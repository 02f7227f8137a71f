"""The tiny checkpoint, as published and after conversion, loaded once."""

from pathlib import Path

import pytest

from service.encoders.magiclens.conversion import convert
from service.encoders.magiclens.magiclens_encoder import MagicLensEncoder
from tests.parity.magiclens.golden_data import GOLDEN, WEIGHTS


@pytest.fixture(scope="session")
def from_pickle() -> MagicLensEncoder:
    """From the published form."""
    return MagicLensEncoder.load(WEIGHTS, device="cpu")


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder made from it."""
    return convert(WEIGHTS, tmp_path_factory.mktemp("converted") / "magiclens", tokenizer=GOLDEN)


@pytest.fixture(scope="session", params=["pickle", "safetensors"])
def encoder(request: pytest.FixtureRequest, from_pickle: MagicLensEncoder, converted: Path) -> MagicLensEncoder:
    """From either kind of file."""
    return from_pickle if request.param == "pickle" else MagicLensEncoder.load(converted, device="cpu")
