"""The guards of all plugins that a runtime calls."""

from quantd.clock import Clock
from quantd.plugin.base import PairJob, Plugin
from quantd.plugin.guard import LIMIT, Guard, Health
from quantd.plugin.pace import Pace
from quantd.plugin.registry import Registry
from quantd.plugin.regression import Regression
from quantd.plugin.reports import reports_of
from quantd.plugin.watch import Watch

_OF_FLOWS = ("resampler", "event_bar", "regression", "job")
"""Kinds of plugins that are used by symbols and pairs."""


class Guards:
    """One guard for each use of a plugin: a sink that fails must not silence another, nor a pair another."""

    def __init__(self, registry: Registry, clock: Clock, watch: Watch | None = None) -> None:
        self.watch = watch
        """What says which of them holds up the loop, where there is one."""
        self._paces: dict[type[Plugin], Pace] = {}
        self._names = {entry.plugin: (entry.kind, entry.name) for entry in registry.entries()}
        self._clock = clock
        self._guards: dict[tuple[type[Plugin], str], Guard] = {}

    def __call__(self, plugin: Plugin, user: str, limit: int = LIMIT) -> Guard:
        """The guard of a plugin for one `user` of it: a pair, a symbol, a sink's name. It is left alone after `limit` faults in a row."""
        key = (type(plugin), user)
        if key not in self._guards:
            kind, name = self._names[key[0]]
            self._guards[key] = Guard(kind, f"{name} ({user})", self._clock, limit=limit, pace=self._pace(key[0]), watch=self.watch)
        return self._guards[key]

    def _pace(self, plugin: type[Plugin]) -> Pace | None:
        """Of what is called for each bar and can be done without: a regression, or a pair's job that does not run beside the flow. Without
        another plugin, trades, rows or alerts would be lost."""
        kind, name = self._names[plugin]
        if self.watch is None or not (issubclass(plugin, Regression) or (issubclass(plugin, PairJob) and not plugin.background)):
            return None
        return self._paces.setdefault(plugin, Pace(f"{kind} {name}", self._clock))

    def forget(self, name: str) -> None:
        """There is no such symbol or pair any more: how plugins fared for it says nothing of now."""
        for plugin, user in list(self._guards):
            if self._names[plugin][0] in _OF_FLOWS and f"{user} ".startswith(f"{name} "):
                del self._guards[plugin, user]
        used = {plugin for plugin, _ in self._guards}
        self._paces = {plugin: pace for plugin, pace in self._paces.items() if plugin in used}

    def forget_use(self, plugin: Plugin, user: str) -> None:
        """This user calls the plugin no more."""
        self._guards.pop((type(plugin), user), None)

    def reported(self) -> list[tuple[tuple[str, str, str], float]]:
        """Kind, name and metric of each number that a plugin reported of itself, and the number."""
        told = [(kind, name, reports_of(plugin)) for plugin, (kind, name) in self._names.items()]
        return [((kind, name, metric), number) for kind, name, reports in told for metric, number in reports.numbers().items()]

    def health(self) -> list[Health]:
        """How each plugin fares."""
        return [guard.health() for guard in self._guards.values()]
