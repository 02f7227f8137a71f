"""What a catalog and a load need: memory, machines, GPUs, network and money. Formulas, no guesses hidden in code."""
