"""Stores what was made by request, in memory and on disk. A failed write is retried by the next `save`."""

from collections.abc import MutableMapping
from typing import Generic, Protocol, TypeVar

import msgspec

from quantd.state import tried_again
from quantd.supervision.troubles import Troubles


class Kept(Protocol):
    """What a book stores."""

    @property
    def id(self) -> str: ...


Entry = TypeVar("Entry", bound=Kept)


class Book(Generic[Entry]):
    """Entries by id, oldest first. Keys on disk begin with `prefix`."""

    def __init__(self, kept: MutableMapping[str, bytes], troubles: Troubles, prefix: str) -> None:
        self._kept = kept
        self._troubles = troubles
        self._prefix = prefix
        self._entries: dict[str, Entry] = {}
        self._unsaved: set[str] = set()
        """The ids of the entries to write or to delete."""

    def all(self) -> list[Entry]:
        """Return every entry."""
        return list(self._entries.values())

    def get(self, entry_id: str) -> Entry | None:
        """Return an entry; None if there is none."""
        return self._entries.get(entry_id)

    def put(self, entry: Entry) -> None:
        """Add an entry."""
        self._entries[entry.id] = entry
        self._unsaved.add(entry.id)
        self.save()

    def drop(self, entry_id: str) -> Entry | None:
        """Remove an entry. Return it, or None if there is none."""
        entry = self._entries.pop(entry_id, None)
        if entry:
            self._unsaved.add(entry_id)
            self.save()
        return entry

    def save(self) -> None:
        """Write the changed entries to disk. Does not raise if the disk fails: the next call tries again."""
        if not self._unsaved:
            return
        with tried_again(self._troubles, "alert rules"):
            for entry_id in list(self._unsaved):
                self._write(entry_id)
                self._unsaved.discard(entry_id)

    def _write(self, entry_id: str) -> None:
        if entry := self._entries.get(entry_id):
            self._kept[self._prefix + entry_id] = msgspec.json.encode(entry)
        else:
            self._kept.pop(self._prefix + entry_id, None)
