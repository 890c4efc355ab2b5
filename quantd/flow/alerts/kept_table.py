"""A table whose rows survive a restart. It is written elsewhere, in one transaction with the states of rules and with messages."""

import logging
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

T = TypeVar("T", bound=Struct)
_log = logging.getLogger("quantd.alerts")


class KeptTable(Generic[T]):
    """Rows by key. `unsaved` holds those that have changed since the last write, under the names by which they are kept."""

    def __init__(self, name: str, kind: type[T]) -> None:
        self._prefix = f"{name}/"
        self._kind = kind
        self._rows: dict[str, T] = {}
        self._changed: set[str] = set()

    def __iter__(self) -> Iterator[tuple[str, T]]:
        return iter(list(self._rows.items()))

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: str) -> T | None:
        """Return a row."""
        return self._rows.get(key)

    def put(self, key: str, row: T | None) -> None:
        """Set a row; None deletes it."""
        before = self._rows.get(key)
        if row == before:
            return
        if row is None:
            del self._rows[key]
        else:
            self._rows[key] = row
        self._changed.add(key)

    def restore(self, stored: Mapping[str, bytes]) -> None:
        """Take the rows of an earlier run out of everything that is kept. A row that cannot be read is left out and deleted."""
        for name, blob in stored.items():
            if name.startswith(self._prefix):
                key = name.removeprefix(self._prefix)
                try:
                    self._rows[key] = msgspec.json.decode(blob, type=self._kind)
                except msgspec.DecodeError as error:
                    _log.error("%s is broken and forgotten: %s", name, error)
                    self._changed.add(key)

    @property
    def unsaved(self) -> dict[str, bytes | None]:
        """The rows to write by name; None for one that is deleted."""
        changed = {key: self._rows.get(key) for key in self._changed}
        return {self._prefix + key: None if row is None else msgspec.json.encode(row) for key, row in changed.items()}

    def saved(self) -> None:
        """Mark all rows as written."""
        self._changed.clear()
