"""How the starter models are made: artwork from packages, features once, then two short trainings. Needs ``[train]``."""
