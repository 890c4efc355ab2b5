"""Keeps garbage collections from holding the event loop."""

import gc

_COLLECTED_AFTER = 5_000, 10, 100


def spare() -> None:
    """Exclude what the start has made from garbage collections, and make these rarer: a full one of what a thousand pairs hold stops the
    event loop for a tenth of a second."""
    gc.freeze()
    gc.set_threshold(*_COLLECTED_AFTER)
