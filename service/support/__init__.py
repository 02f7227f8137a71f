"""Small tools that several steps share: disk, batches, single flight, text for logs."""
