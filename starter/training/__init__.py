"""How the starter models are trained: artwork from packages, features computed once, two short trainings. Needs
`[train]`.
"""
