"""What makes `make demo` real with no download: the demo shop and two small trained models.

Imports nothing from `service` or `rerank`.
"""
