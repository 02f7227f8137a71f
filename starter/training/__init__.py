"""How the starter models are made: artwork from packages, features once, two short trainings. Needs `[train]`."""
