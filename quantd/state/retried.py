"""Guards writes that are retried while the disk fails."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from quantd.blobs import DISK_FAILS
from quantd.supervision.troubles import Troubles

_log = logging.getLogger("quantd.state")


@contextmanager
def tried_again(troubles: Troubles, name: str) -> Iterator[None]:
    """Guard a write that is retried later if the disk fails now; the caller keeps the data. Until the write succeeds, `name` is reported in
    the log and in `troubles`."""
    try:
        yield
    except DISK_FAILS as error:
        why = str(error) or type(error).__name__  # diskcache's Timeout has no text; a full disk raises it, too
        text = f"cannot be written now, and a restart would forget them: {why}: see to the disk of state.dir"
        if troubles.begin("disk", name, text):
            _log.error("%s %s", name, text)
    else:
        if troubles.end("disk", name):
            _log.info("%s are written again", name)
