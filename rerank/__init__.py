"""Candidates in, a complete ranking out. Knows nothing of HTTP, vector stores or shops.

A ranking is guarded three times: the permutation mask steers decoding, the total parser reads whatever text
comes back, and the `Ranking` type refuses to be anything but a permutation of the candidates.
"""
