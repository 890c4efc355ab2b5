"""The cost of alert rules: 10,000 rules on 500 pairs at 20,000 trades a second, and one rule on one of them.

    python benchmarks/alerts.py [--quick] [--batches 500]

The flow has 250 symbols and two pairs of 1s bars for each. A batch holds the 200 trades of 10 ms, of random symbols; prices walk. `no rule`
is without rules, `one rule` with a rule that is judged between closes on one pair, `10,000 rules` with 20 such rules on each pair, at
levels of the z-score from 2.5 to 6.3, and `closes` with as many on closed bars. The figures are CPU milliseconds a batch, of
`FeedFlow.process`, the now-casts a batch, and the alerts. In the first batch each rule is looked at for the first time; it is apart.

The time from a trade to the queue of the sink is that of a batch that arrives each 10 ms, and waits for the batches before it.
"""

import argparse
import gc
import random
import sys
import time

sys.path.append(sys.path.pop(0))  # last: in this folder the library's `statistics` would be a file of ours

import statistics
from collections.abc import Iterator
from typing import get_args

from goals import row
from touched import WARM_S, Market

from quantd.conditions.parse import parse_condition
from quantd.config.rules import Moments, Rule
from quantd.flow.alerts.rule import AlertRule
from quantd.testing import fakes

SYMBOLS, RULES_A_PAIR, BATCH, BATCH_MS = 250, 20, 200, 10
GOAL_MS = 20.0
"""From a trade to the queue of a sink, the 99th percentile."""
ONE_RULE_MS = 0.1
"""What one rule on one pair may add to a batch."""


class Result:
    """The milliseconds of each batch, the now-casts and the alerts."""

    def __init__(self, costs: list[float], nowcasts: int, alerts: int) -> None:
        self.first, *self.costs = costs
        self.nowcasts = nowcasts / len(costs)
        self.alerts = alerts

    def latencies(self) -> Iterator[float]:
        """Yield the time (ms) from the arrival of each batch until the batch is processed."""
        done = 0.0
        for number, cost in enumerate(self.costs):
            arrived = number * BATCH_MS
            done = max(done, arrived) + cost
            yield done - arrived


def rules(pairs: list[str], count: int, on: Moments) -> Iterator[AlertRule]:
    """Yield so many rules on each pair."""
    for pair in pairs:
        for number in range(1, count + 1):
            when = parse_condition(f"abs(zscore) > {2.3 + number / 5 if count > 1 else 1_000}")
            rule = Rule(name=f"rule {number}", when=when, every="1s", on=on, coverage=0.0, flapping=False)
            yield AlertRule(f"{pair}/{number}", rule, pair, "")


def measure(batches: int, count: int, pairs: int, on: Moments = "tick") -> Result:
    """Process batches with so many rules on each of so many pairs."""
    chance, market = random.Random(1), Market(SYMBOLS)
    alerts = list[object]()
    market.bench.hub.listen("alerts", alerts.extend)
    for rule in rules([pair.name for pair in market.bench.runtime.pairs][:pairs], count, on):
        market.bench.runtime.add_rule(rule)
    prices, ids, costs = dict.fromkeys(market.names, 100.0), dict(market._ids), list[float]()
    before = market.bench.runtime.outputs.nowcasts_made
    gc.collect()
    gc.disable()
    for number in range(batches):
        ticks = []
        for step in range(BATCH):
            name = chance.choice(market.names)
            ids[name] += 1
            prices[name] *= 1 + chance.gauss(0.0, 1e-4)
            ticks.append(fakes.tick(name, ids[name], WARM_S * 1_000 + number * BATCH_MS + step * BATCH_MS // BATCH, prices[name]))
        began = time.process_time()
        market.bench.process(ticks)
        costs.append((time.process_time() - began) * 1e3)
    gc.enable()
    return Result(costs, market.bench.runtime.outputs.nowcasts_made - before, len(alerts))


def report(batches: int) -> None:
    runs: dict[str, tuple[int, int, Moments]] = {
        "no rule": (0, 0, "tick"),
        "one rule": (1, 1, "tick"),
        "10,000 rules": (RULES_A_PAIR, 2 * SYMBOLS, "tick"),
        "closes": (RULES_A_PAIR, 2 * SYMBOLS, get_args(Moments)[0]),
    }
    print(f"{'':14}{'first':>9}{'median':>9}{'p99':>9}{'now-casts':>11}{'alerts':>9}   ms of CPU a batch of {BATCH} trades")
    found: dict[str, Result] = {}
    for name, (count, pairs, on) in runs.items():
        made = found[name] = measure(batches, count, pairs, on)
        p99 = statistics.quantiles(made.costs, n=100)[98]
        print(
            f"{name:14}{made.first:>9.2f}{statistics.median(made.costs):>9.2f}{p99:>9.2f}{made.nowcasts:>11.1f}{made.alerts:>9}", flush=True
        )
    latency = statistics.quantiles(found["10,000 rules"].latencies(), n=100)[98]
    row("from a trade to the queue with 10,000 rules, p99", latency, GOAL_MS, " ms", most=True)
    without, with_one = ([statistics.median(measure(batches, *runs[name]).costs) for _ in range(3)] for name in ("no rule", "one rule"))
    row("one rule adds to a batch, least medians of three runs", max(min(with_one) - min(without), 0.0), ONE_RULE_MS, " ms", most=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=500)
    parser.add_argument("--quick", action="store_true", help="fewer batches")
    options = parser.parse_args()
    report(150 if options.quick else options.batches)


if __name__ == "__main__":
    main()
