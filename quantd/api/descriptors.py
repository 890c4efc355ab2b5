"""How many connections the API may hold open: each takes a descriptor, and the feeds, the store and the state need some too."""

import resource
from contextlib import suppress

RESERVE = 256
"""Descriptors that are left to everything but the API."""
MOST = 10_000
_WISHED = 65_536
"""As many as the systemd unit gives. Where the hard limit is a thousand million, that many must not be wanted."""


def most_connections() -> int:
    """Raises the process's limit of descriptors as far as it may, and returns what of it is the API's."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wished = _WISHED if hard == resource.RLIM_INFINITY else min(_WISHED, hard)
    if soft != resource.RLIM_INFINITY and soft < wished:
        with suppress(ValueError, OSError):  # some systems have a further limit, and do not tell it
            resource.setrlimit(resource.RLIMIT_NOFILE, (wished, hard))
            soft = wished
    return MOST if soft == resource.RLIM_INFINITY else share(soft)


def share(limit: int) -> int:
    """What is the API's of a limit of descriptors: all but the reserve, and half where that is more.

    >>> share(1024), share(300), share(1_000_000)
    (768, 150, 10000)
    """
    return min(MOST, max(limit - RESERVE, limit // 2))
