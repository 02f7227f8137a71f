"""Encoders: a text, an image or both in; one unit vector out."""
