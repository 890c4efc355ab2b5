"""Computes how many connections the API may hold open: each needs a file descriptor, and so do the feeds, the store and the state."""

import resource
from contextlib import suppress

RESERVE = 256
"""File descriptors that are reserved for everything except the API."""
MOST = 10_000
_WISHED = 65_536
"""Desired limit, as in the systemd unit. Where the hard limit is a billion, as many must not be requested."""


def most_connections() -> int:
    """Raise the process's limit of file descriptors as far as possible, and return the API's share of it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wished = _WISHED if hard == resource.RLIM_INFINITY else min(_WISHED, hard)
    if soft != resource.RLIM_INFINITY and soft < wished:
        with suppress(ValueError, OSError):  # some systems have a further limit that they do not report
            resource.setrlimit(resource.RLIMIT_NOFILE, (wished, hard))
            soft = wished
    return MOST if soft == resource.RLIM_INFINITY else share(soft)


def share(limit: int) -> int:
    """Return the API's share of a limit of file descriptors: all but the reserve, or half of them if that is more.

    >>> share(1024), share(300), share(1_000_000)
    (768, 150, 10000)
    """
    return min(MOST, max(limit - RESERVE, limit // 2))
