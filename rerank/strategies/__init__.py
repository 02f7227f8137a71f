"""Ways to get a ranking from a model, one module per strategy; `strategy` is their common interface."""
