"""The history of a state directory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quantd.history.history import History
from quantd.plugin.base import Store


@contextmanager
def open_history(store: Store, state_dir: Path) -> Iterator[History]:
    """The history that `store` has below a state directory, to read only: a daemon may be writing it. Raises QuantdError where nothing is
    recorded."""
    store.open_to_read(state_dir)
    try:
        yield History(store)
    finally:
        store.close()
