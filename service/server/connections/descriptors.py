"""File descriptors: connections, the store, model servers and image reads each take one."""

from __future__ import annotations

import resource


def raise_limit() -> int:
    """Raise the soft limit to the hard one, and return its value.

    Shells start programs with 256 to 1024 where the system would allow many more. Where the system refuses (macOS does,
    for an unlimited hard limit), the limit stays.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError):
        return _finite(soft)
    return _finite(hard)


def _finite(limit: int) -> int:
    return 2**31 if limit == resource.RLIM_INFINITY else limit
