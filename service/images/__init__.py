"""Untrusted bytes in, safe RGB images out."""
