"""What makes `make demo` work without a download: the demo shop and two small trained models.

It knows the interfaces of engines and encoders that it implements, and nothing that serves.
"""
