"""Opens the history of a state directory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quantd.history.history import History
from quantd.plugin.base import Store


@contextmanager
def open_history(store: Store, state_dir: Path) -> Iterator[History]:
    """Open the history of `store` in a state directory, read-only, since a daemon may be writing it. Raises QuantdError if nothing is
    recorded."""
    store.open_to_read(state_dir)
    try:
        yield History(store)
    finally:
        store.close()
