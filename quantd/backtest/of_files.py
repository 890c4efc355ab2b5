"""Makes the sample of a backtest from recorded files, by a replay through the code that runs live."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from quantd.backtest.overrides import installed_plugins, overridden, replay_config, with_regression
from quantd.backtest.sample import Request, Sample, demand_rules, method_name
from quantd.config.load import Loaded
from quantd.config.pipelines import Folder
from quantd.flow.hub import Hub
from quantd.flow.pairs import PairSpec
from quantd.model import Bar, PairPoint
from quantd.plugin.registry import Registry
from quantd.stats.backtest import Rules

Row = TypeVar("Row", Bar, PairPoint)
_NOT_FOR_A_BACKTEST = frozenset({"jobs", "alerts", "exports"})


def files_config(files: list[str], asked: Request, rules: Rules, chunk: int) -> Loaded:
    """Return the config of a replay of these files. Raises QuantdError."""
    name = asked.pipeline or "replay"
    node = Folder(Path("pipelines"), os.environ).node(name)
    keys = overridden(node.value, with_regression(asked.overrides, installed_plugins))
    wanted = {key: keys[key] for key in keys.keys() - _NOT_FOR_A_BACKTEST}
    loaded = replay_config(files, [asked.pair], name, node, wanted, chunk)
    used = loaded.config.pipelines[name]
    demand_rules(rules, used.zscore, used.regression.window)
    return loaded


class Replayed:
    """Collects the results of a replay for a pair, each bar and point at its last revision."""

    def __init__(self, asked: Request) -> None:
        self._asked = asked
        self._bars: dict[str, dict[int, Bar]] = {asked.y: {}, asked.x: {}}
        self._points: dict[int, PairPoint] = {}

    def listen(self, hub: Hub) -> None:
        """Collect the bars and points that a hub publishes from now on."""
        hub.listen("bars", self._take_bars)
        hub.listen("points", lambda fresh: self._points.update((point.ts, point) for point in fresh))

    def sample(self, spec: PairSpec, registry: Registry, faults: Sequence[str]) -> Sample:
        """Return what was collected, with the settings of the points and the faults."""
        y, x = (_by_time(self._bars[leg]) for leg in (self._asked.y, self._asked.x))
        return Sample(y, x, _by_time(self._points), spec, method_name(registry, spec.regression), faults)

    def _take_bars(self, fresh: Sequence[Bar]) -> None:
        for bar in fresh:
            if bar.every == self._asked.every:
                self._bars[bar.symbol][bar.ts] = bar


def _by_time(rows: Mapping[int, Row]) -> list[Row]:
    return [rows[ts] for ts in sorted(rows)]
