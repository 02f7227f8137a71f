"""Encoders: a text, a picture or both in; one unit vector out."""
