"""The cost of a batch of three trades in a flow of many symbols and pairs, which should depend on the batch alone.

    python benchmarks/touched.py [--quick] [--symbols 10 500] [--batches 600]

The flow is one whose feed is asked for missing trades by id, with two pairs of 1s bars for each symbol (window 10), after 15 s of trades.
Then come batches of one trade of each of three symbols within one second, so that no bar closes. `quiet` is without rules, `one rule` with
a rule that is judged between closes on a pair of two of them, `holes` without rules while trades of each tenth other symbol are missing.
The figures are CPU microseconds a batch, of `FeedFlow.process`, as the median and the maximum. `closing` are the batches that close bars of
all symbols; they are given for comparison.
"""

import argparse
import gc
import sys
import time
from collections.abc import Sequence

sys.path.append(sys.path.pop(0))  # last: in this folder the library's `statistics` would be a file of ours

import statistics

from goals import row

from quantd.conditions.parse import parse_condition
from quantd.config.model import Config, PairEntry, Pipeline
from quantd.config.rules import Rule
from quantd.flow.alerts.rule import AlertRule
from quantd.model import Tick
from quantd.testing import fakes
from quantd.testing.bench import Bench, Venue
from quantd_plugins.regressions.ols import Ols
from quantd_plugins.resamplers.time import TimeBars

WINDOW, WARM_S = 10, 15
MOST_TIMES = 2.0
"""The goal: a batch costs at most this many times as much with the most symbols as with the fewest."""
Costs = dict[str, list[float]]


class Askable(Venue):
    """A venue that can be asked for trades by id, which it never has."""

    async def fetch_ids(self, symbol: str, first_id: int, last_id: int) -> list[Tick]:
        return []


class Market:
    """A flow of symbols and pairs that is warm, and its trades."""

    def __init__(self, symbols: int) -> None:
        self.names = [f"S{number:03}" for number in range(symbols)]
        pipeline = Pipeline(name="default", feed="venue", bars=TimeBars(every=("1s",)), regression=Ols(window=WINDOW))
        legs = [(name, self.names[(number + step) % symbols]) for number, name in enumerate(self.names) for step in (1, 2)]
        pairs = tuple(PairEntry(y, x, pipeline.name) for y, x in legs)
        self.bench = Bench(Config(pairs=pairs, feeds={"venue": Askable()}, pipelines={pipeline.name: pipeline}), warm=True)
        self._ids = dict.fromkeys(self.names, 0)
        for second in range(WARM_S):
            self.process(self.names, second * 1_000)
        for _ in range(symbols):  # pairs join the tables of their settings, some at a time
            self.bench.process([])

    def process(self, names: Sequence[str], at: int, *, skipped: int = 0) -> float:
        """Process a trade of each of these, `at` ms after the start, before which `skipped` trades of each are missing. Return the CPU
        microseconds of that."""
        ticks: list[Tick] = []
        for name in names:
            self._ids[name] += 1 + skipped
            number = self._ids[name]
            ticks.append(fakes.tick(name, number, at, 100.0 + number * (7 + len(ticks)) % 13))
        began = time.process_time()
        self.bench.process(ticks)
        return (time.process_time() - began) * 1e6

    def look(self) -> None:
        """Make a rule on a pair of the touched symbols."""
        pair, when = f"{self.names[0]}-{self.names[1]}", parse_condition("zscore > 1000")
        self.bench.runtime.add_rule(AlertRule("rule", Rule(name="rule", when=when, every="1s", coverage=0.0, on="tick"), pair, ""))


def measure(symbols: int, batches: int) -> Costs:
    """Return the costs of the batches by scenario."""
    costs: Costs = {"quiet": [], "one rule": [], "holes": [], "closing": []}
    for scenario in ("quiet", "one rule", "holes"):
        market = Market(symbols)
        touched, others = market.names[:3], market.names[3:]
        if scenario == "one rule":
            market.look()
        elif scenario == "holes":
            market.process(others[::10], WARM_S * 1_000 - 500, skipped=5)
        gc.collect()
        gc.disable()
        for number in range(batches):
            second, step = divmod(number, 100)
            cost = market.process(touched, (WARM_S + second) * 1_000 + 5 * step)
            if step:
                costs[scenario].append(cost)
            elif number:
                costs["closing"].append(cost)
        gc.enable()
    return costs


def report(sizes: Sequence[int], batches: int) -> None:
    print("µs of CPU a batch of 3 trades: median (maximum)")
    print(f"{'scenario':9}" + "".join(f"{f'{size} symbols':>21}" for size in sizes))
    found = [measure(size, batches) for size in sizes]
    for scenario in found[0]:
        columns = [each[scenario] for each in found]
        medians = [statistics.median(column) for column in columns]
        figures = "".join(f"{median:>11.0f} ({max(column):6.0f})" for median, column in zip(medians, columns, strict=True))
        times = max(medians) / min(medians)
        print(f"{scenario:9} {figures}", flush=True)
        if scenario != "closing":
            row(f"{scenario}: most / fewest symbols", times, MOST_TIMES, "x", most=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, nargs="+", default=[10, 500])
    parser.add_argument("--batches", type=int, default=600)
    parser.add_argument("--quick", action="store_true", help="fewer batches")
    options = parser.parse_args()
    report(options.symbols, 201 if options.quick else options.batches)


if __name__ == "__main__":
    main()
