"""Request bodies: bounded, read and checked."""
