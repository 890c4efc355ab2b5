"""Rows that survive a restart: structs over a table of bytes, which is written with the states of rules and with messages."""

import logging
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

import msgspec
from msgspec import Struct

T = TypeVar("T", bound=Struct)
_log = logging.getLogger("quantd.alerts")


class Kept(Protocol):
    """Bytes by key that survive a restart."""

    def all(self) -> dict[str, bytes]:
        """Return all values by key."""
        ...

    def put(self, key: str, value: bytes) -> None:
        """Set a value."""
        ...

    def delete(self, key: str) -> None:
        """Delete a value, if there is one."""
        ...


class KeptRows(Generic[T]):
    """Rows by key. Those of an earlier run are read at once; one that cannot be read is deleted."""

    def __init__(self, kept: Kept, kind: type[T]) -> None:
        self._kept = kept
        self._rows: dict[str, T] = {}
        for key, blob in kept.all().items():
            try:
                self._rows[key] = msgspec.json.decode(blob, type=kind)
            except msgspec.DecodeError as error:
                _log.error("the %s of %s that was kept is broken and forgotten: %s", kind.__name__.lower(), key, error)
                kept.delete(key)

    def __iter__(self) -> Iterator[tuple[str, T]]:
        return iter(list(self._rows.items()))

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: str) -> T | None:
        """Return a row."""
        return self._rows.get(key)

    def put(self, key: str, row: T | None) -> None:
        """Set a row; None deletes it."""
        if row == self._rows.get(key):
            return
        if row is None:
            del self._rows[key]
            self._kept.delete(key)
        else:
            self._rows[key] = row
            self._kept.put(key, msgspec.json.encode(row))
