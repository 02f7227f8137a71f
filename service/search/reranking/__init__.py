"""The rerank stage: deadline, threads, and checks of what the model wrote."""
