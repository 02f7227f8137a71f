"""What makes `make demo` work without a download: the demo shop and two small trained models.

Imports nothing from `service` or `rerank`.
"""
