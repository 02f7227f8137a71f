"""Encoders: a text, an image or both → one unit vector."""
