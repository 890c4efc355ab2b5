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
"""Kinds of plugins that symbols and pairs use."""


class Guards:
    """Makes one guard for each use of a plugin: a failing sink must not silence another sink, nor a pair another pair."""

    def __init__(self, registry: Registry, clock: Clock, watch: Watch | None = None) -> None:
        self.watch = watch
        """Detects which guarded plugin blocks the loop; None if nothing does so."""
        self._paces: dict[type[Plugin], Pace] = {}
        self._names = {entry.plugin: (entry.kind, entry.name) for entry in registry.entries()}
        self._clock = clock
        self._guards: dict[tuple[type[Plugin], str], Guard] = {}

    def __call__(self, plugin: Plugin, user: str, limit: int = LIMIT) -> Guard:
        """Return the guard of a plugin for one `user`: a pair, a symbol, or the name of a sink. The plugin is quarantined after `limit`
        successive faults."""
        key = (type(plugin), user)
        if key not in self._guards:
            kind, name = self._names[key[0]]
            self._guards[key] = Guard(kind, f"{name} ({user})", self._clock, limit=limit, pace=self._pace(key[0]), watch=self.watch)
        return self._guards[key]

    def _pace(self, plugin: type[Plugin]) -> Pace | None:
        """Return the pace of a plugin that runs at each bar and may be skipped: a regression, or a pair's job that is not in the
        background. Without any other plugin, trades, rows or alerts would be lost."""
        kind, name = self._names[plugin]
        if self.watch is None or not (issubclass(plugin, Regression) or (issubclass(plugin, PairJob) and not plugin.background)):
            return None
        return self._paces.setdefault(plugin, Pace(f"{kind} {name}", self._clock))

    def forget(self, name: str) -> None:
        """Remove the guards of a symbol or pair that was dropped, so that its faults are no longer shown."""
        for plugin, user in list(self._guards):
            if self._names[plugin][0] in _OF_FLOWS and f"{user} ".startswith(f"{name} "):
                del self._guards[plugin, user]
        used = {plugin for plugin, _ in self._guards}
        self._paces = {plugin: pace for plugin, pace in self._paces.items() if plugin in used}

    def forget_use(self, plugin: Plugin, user: str) -> None:
        """Remove the guard of a plugin that a user no longer calls."""
        self._guards.pop((type(plugin), user), None)

    def reported(self) -> list[tuple[tuple[str, str, str], float]]:
        """Return kind, name and metric of each number that a plugin reports, with the number."""
        told = [(kind, name, reports_of(plugin)) for plugin, (kind, name) in self._names.items()]
        return [((kind, name, metric), number) for kind, name, reports in told for metric, number in reports.numbers().items()]

    def health(self) -> list[Health]:
        """Return the health of each plugin."""
        return [guard.health() for guard in self._guards.values()]
