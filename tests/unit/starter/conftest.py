"""The shipped models, loaded once."""

import pytest

from starter.embedder import StarterEmbedder
from starter.vlm import StarterVLM


@pytest.fixture(scope="session")
def embedder() -> StarterEmbedder:
    """The shipped embedder."""
    return StarterEmbedder.load()


@pytest.fixture(scope="session")
def vlm(embedder: StarterEmbedder) -> StarterVLM:
    """The shipped VLM."""
    return StarterVLM.load(embedder=embedder)
