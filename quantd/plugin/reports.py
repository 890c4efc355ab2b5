"""A plugin's reports: the name of its logger, and its numbers for Prometheus."""

import logging
from math import isfinite
from threading import Lock

MOST = 100
"""Greatest number of metrics per plugin: names made from a symbol or an order would grow without limit."""

_KEPT = "_quantd_reports"
"""The name of the attribute of a plugin class. All instances that quantd makes of a plugin for symbols and pairs share the class."""


class Reports:
    """The logger of one plugin, and the numbers that its instances have reported in this process, by metric."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind = kind
        self.name = name
        self.log = logging.getLogger(f"quantd.plugin.{kind}.{name}")
        self._numbers: dict[str, float] = {}
        self._lock = Lock()

    def put(self, metric: str, number: float) -> None:
        """Set a metric. Raises ValueError if the name is invalid, the number is not finite, or there are too many metrics."""
        with self._lock:
            self._numbers[_checked(metric, self._numbers)] = _finite(metric, number)

    def add(self, metric: str, number: float) -> None:
        """Add to a metric. Raises ValueError as `put` does."""
        with self._lock:
            self._numbers[metric] = _finite(metric, self._numbers.get(_checked(metric, self._numbers), 0.0) + number)

    def numbers(self) -> dict[str, float]:
        """Return the latest number of each metric, in the order of the first report."""
        with self._lock:
            return dict(self._numbers)


def reports_of(plugin: type) -> Reports:
    """Return the reports of a plugin class. Until the class is registered, they are under the name of the class."""
    found: Reports | None = vars(plugin).get(_KEPT)
    return found or name_reports(plugin, "unregistered", plugin.__qualname__)


def name_reports(plugin: type, kind: str, name: str) -> Reports:
    """Let a class report under this name from now on. If it had the name before, its reports are kept: a second registry changes
    nothing."""
    found: Reports | None = vars(plugin).get(_KEPT)
    if found is None or (found.kind, found.name) != (kind, name):
        found = Reports(kind, name)
        setattr(plugin, _KEPT, found)
    return found


def _checked(metric: str, known: dict[str, float]) -> str:
    if metric not in known:
        if not metric.isidentifier():
            raise ValueError(f"{metric!r} is no name of a metric: take letters, digits and _")
        if len(known) >= MOST:
            raise ValueError(f"metric {metric!r} is one too many: a plugin may report {MOST}")
    return metric


def _finite(metric: str, number: float) -> float:
    if not isfinite(number):
        raise ValueError(f"metric {metric!r} is {number}: report a finite number, or nothing")
    return float(number)
