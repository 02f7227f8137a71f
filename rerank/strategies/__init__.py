"""How a model is requested an order. One module a strategy; `base` is what they have in common."""
