"""Request bodies: bounded, read and validated."""
