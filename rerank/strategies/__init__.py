"""How a model is asked for an order. One module a strategy; `base` is what they have in common."""
