"""The rerank stage: deadline, threads, and checks of the model's output."""
