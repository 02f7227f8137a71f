"""The tiny checkpoint, loaded once."""

import pytest

from rerank.engines.phi3_vision.checkpoint import load_model
from rerank.engines.phi3_vision.engine import Phi3VisionEngine
from rerank.engines.phi3_vision.model import Phi3VisionForCausalLM
from rerank.engines.phi3_vision.processor import Phi3VisionProcessor
from tests.parity.phi3_vision.golden_data import GOLDEN


@pytest.fixture(scope="session")
def model() -> Phi3VisionForCausalLM:
    return load_model(GOLDEN, device="cpu", dtype="float32")


@pytest.fixture(scope="session")
def processor() -> Phi3VisionProcessor:
    """Sees every image in one crop."""
    return Phi3VisionProcessor(GOLDEN / "tokenizer.json", 1)


@pytest.fixture(scope="session")
def engine(model: Phi3VisionForCausalLM, processor: Phi3VisionProcessor) -> Phi3VisionEngine:
    return Phi3VisionEngine(model, processor)
