"""A program that judges known crossings and posts the alerts, with the engine, the records and the outbox of the daemon. It is killed and
started again; it ends once everything is judged and delivered.

    python -m tests.chaos.alerting STATE_DIR URL BARS [POINT COUNT]

With a point it kills itself there, when it comes to it for the COUNT-th time.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from quantd.clock import SystemClock
from quantd.conditions.parse import parse_condition
from quantd.config.rules import Rule
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.outbox import Outbox
from quantd.flow.hub import Hub
from quantd.flow.outputs import Outputs
from quantd.history.history import History
from quantd.model import PairPoint
from quantd.plugin.guard import Guard
from quantd.state import Records, State, records
from quantd.testing import fakes
from quantd.timeframes import timeframe
from quantd_plugins.sinks.webhook import Webhook

PAIRS = ("A-B", "C-D", "E-F", "G-H", "I-J")
RULE = "wide"
STEP_S = 0.01


def is_wide(pair: str, bar: int) -> bool:
    """Whether the rule of a pair holds at a bar: a few bars, a few bars not, differently for each pair."""
    length = 3 + PAIRS.index(pair)
    return bar // length % 2 == 1


def rows(bars: int) -> Iterator[list[PairPoint]]:
    """The points of each bar."""
    (model,) = fakes.points(6)[5:]
    minute = timeframe("1m").step
    for bar in range(bars):
        yield [replace(model, pair=pair, ts=fakes.START + bar * minute, zscore=3.0 if is_wide(pair, bar) else 0.5) for pair in PAIRS]


def expected(bars: int) -> dict[str, list[str]]:
    """The keys of the messages of each pair, in order."""
    found: dict[str, list[str]] = {pair: [] for pair in PAIRS}
    for pair in PAIRS:
        firing = ""
        for bar in range(bars):
            end = fakes.START + (bar + 1) * timeframe("1m").step
            if is_wide(pair, bar) and not firing:
                firing = f"{pair}/{RULE}@{end}"
                found[pair].append(f"{firing}/firing")
            elif firing and not is_wide(pair, bar):
                found[pair].append(f"{firing}/resolved")
                firing = ""
    return found


async def run(folder: Path, url: str, bars: int) -> None:
    clock = SystemClock()
    sink = Webhook(url=url, private=True, timeout="500ms")
    with State.open(folder) as state:
        guard = Guard("sink", "hook", clock, limit=sys.maxsize)
        outputs = Outputs(History(None), AlertEngine(), Outbox({"hook": (sink, guard)}, clock), Hub(), records=state.records)
        for pair in PAIRS:
            outputs.alerts.add(
                Rule(name=RULE, when=parse_condition("zscore > 2"), every="1m", send=("hook",), late=True, flapping=False), pair
            )
        ids = [rule.id for rule in outputs.alerts.rules]
        outputs.alerts.restore(state.records.rule_states(), state.records.places())
        outputs.dispatcher.recall(ids)
        await outputs.outbox.start()
        judged = outputs.alerts.states.places
        for points in rows(bars):
            fresh = [point for point in points if point.ts >= judged.get(f"{point.pair} 1m", 0)]
            if fresh:
                outputs.tell(outputs.alerts.judge(fresh))
                await asyncio.sleep(STEP_S)
        while outputs.outbox.waiting()["hook"] or not await outputs.keeper.saved():  # noqa: ASYNC110
            await asyncio.sleep(STEP_S)
        await outputs.outbox.stop()


POINTS: dict[str, tuple[object, str, bool]] = {
    "before a transaction": (Records, "save", False),
    "within a transaction": (records, "added", False),
    "before the commit": (records, "added", True),
    "after a transaction": (Records, "save", True),
    "before a sending": (Webhook, "send", False),
    "after a sending": (Webhook, "send", True),
    "before a mark": (records, "marked", False),
    "after a mark": (records, "marked", True),
}
"""Where the program may be killed: before or, if True, after a function of this owner has ended."""


def die_at(point: str, count: int) -> None:
    """Let the program be killed when it comes to a point for the `count`-th time with something to do."""
    owner, name, is_after = POINTS[point]
    function: Callable[..., Any] = getattr(owner, name)
    left = count

    def pass_point(values: tuple[Any, ...]) -> None:
        nonlocal left
        left -= bool(values[-1])
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    def dying(*values: Any) -> Any:
        if not is_after:
            pass_point(values)
        done = function(*values)
        if asyncio.iscoroutine(done):
            return ended(done, values)
        if is_after:
            pass_point(values)
        return done

    async def ended(done: Coroutine[Any, Any, None], values: tuple[Any, ...]) -> None:
        await done
        if is_after:
            pass_point(values)

    setattr(owner, name, dying)


if __name__ == "__main__":
    if sys.argv[4:]:
        die_at(sys.argv[4], int(sys.argv[5]))
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
