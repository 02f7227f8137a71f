"""A person grades what several runs found: the pool, the record on disk, and the page that is served."""
