"""The shipped models, loaded once."""

import pytest

from starter.embedder import StarterEmbedder
from starter.fused import FusedEmbedder
from starter.vlm import StarterVLM


@pytest.fixture(scope="session")
def embedder() -> StarterEmbedder:
    """The shipped embedder."""
    return StarterEmbedder.shipped()


@pytest.fixture(scope="session")
def vlm(embedder: StarterEmbedder) -> StarterVLM:
    """The shipped VLM."""
    return StarterVLM.load(embedder=embedder)


@pytest.fixture(scope="session")
def fused() -> FusedEmbedder:
    """The shipped encoder."""
    return FusedEmbedder.load()
