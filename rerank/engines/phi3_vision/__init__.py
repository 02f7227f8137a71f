"""Phi-3 Vision and Phi-3.5 Vision on plain transformers: no remote code, the published weights unchanged."""

from rerank.engines.phi3_vision.engine import Phi3VisionEngine

__all__ = ["Phi3VisionEngine"]
