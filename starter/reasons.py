"""Why a product comes first, in fixed words about what was measured: names, and how near its image is to the query."""

from starter.namer import Named

_NEAREST = "nearest to the query of all candidates"


def reason(query: Named | None, product: Named, nearest: bool) -> str | None:
    """One sentence about the first product, or None where nothing is sure.

    Args:
        query: what the query's image shows; None without one.
        product: what the product's image shows.
        nearest: of all candidates its image has the highest cosine similarity to the query.
    """
    shown = Named(product.kind, product.thing if product.exact else None).caption
    if shown and query is not None and product.exact and query.thing == product.thing:
        return f"{shown}, as in the image"
    if nearest:
        return f"{shown}, {_NEAREST}" if shown else _NEAREST
    return shown
