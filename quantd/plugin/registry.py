"""The registry of plugins by name. It is filled once at start-up and then only read."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from quantd.plugin.base import AlertSink, EventBars, Exporter, Feed, Job, Plugin, Resampler, Store
from quantd.plugin.contract import flaws
from quantd.plugin.regression import Regression
from quantd.plugin.reports import name_reports

KINDS: dict[str, type[Plugin]] = {
    "feed": Feed,
    "resampler": Resampler,
    "event_bar": EventBars,
    "regression": Regression,
    "job": Job,
    "sink": AlertSink,
    "exporter": Exporter,
    "store": Store,
}


class Entry(Struct, frozen=True):
    """A plugin class, its name and its origin."""

    kind: str
    name: str
    plugin: type[Plugin]
    source: str


class Fault(Struct, frozen=True):
    """A plugin module that could not be used, and the reason."""

    source: str
    message: str


class Registry:
    """Mapping of (kind, name) to plugin classes, with the faults that occurred while loading."""

    def __init__(self, dirs: Sequence[Path] = (), disable: Collection[str] = ()) -> None:
        self.faults: list[Fault] = []
        self.dirs = tuple(dirs)
        """The drop-in directories that were loaded. With these and `disable`, another process loads the same plugins."""
        self.disable = tuple(disable)
        self._entries: dict[tuple[str, str], Entry] = {}

    def add(self, kind: str, name: str, plugin: Any, source: str) -> None:
        """Add a plugin class. Raises ValueError if it is not a plugin of that kind, lacks what its kind needs, or its name is taken."""
        base = KINDS[kind]
        if not (isinstance(plugin, type) and issubclass(plugin, base)):
            raise ValueError(f"{kind} {name!r}: {plugin!r} is not a subclass of quantd.{base.__name__}")
        if found := flaws(plugin, base):
            raise ValueError(f"{kind} {name!r}: {'; '.join(found)}")
        if taken := self._entries.get((kind, name)):
            raise ValueError(f"{kind} {name!r} is already offered by {taken.source}")
        name_reports(plugin, kind, name)
        self._entries[kind, name] = Entry(kind, name, plugin, source)

    def get(self, kind: str, name: str) -> Entry | None:
        return self._entries.get((kind, name))

    def names(self, kind: str) -> list[str]:
        return sorted(name for of, name in self._entries if of == kind)

    def of_given_hedge(self) -> list[str]:
        """Return the names of the regressions whose beta and alpha are settings."""
        return [name for name in self.names("regression") if getattr(self._entries["regression", name].plugin, "given", False)]

    def entries(self) -> list[Entry]:
        """Return all entries, by kind in the order of KINDS, then by name."""
        order = list(KINDS)
        return sorted(self._entries.values(), key=lambda entry: (order.index(entry.kind), entry.name))
