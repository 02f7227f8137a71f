"""Untrusted bytes in, safe RGB pictures out."""
