"""Flat product images for the demo shop, drawn with Pillow."""

from starter.rendering.kinds import KINDS
from starter.rendering.palette import COLOURS
from starter.rendering.product import Print, render_motif, render_product

__all__ = ["COLOURS", "KINDS", "Print", "render_motif", "render_product"]
