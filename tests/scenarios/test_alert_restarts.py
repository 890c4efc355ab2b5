"""A restart by TERM or kill -9, whatever state a rule is in: nothing is told twice, nothing is forgotten, and `since` stays.

Each timeline runs once without a restart. Then it is restarted several times in a row at one bar, and has to tell the same.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

import quantd
from quantd.clock import EventClock
from quantd.conditions.parse import parse_condition
from quantd.config.matchers import as_matchers
from quantd.config.routing import Inhibition, Routing
from quantd.config.rules import Rule
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.firing import Ack
from quantd.flow.alerts.outbox import Outbox
from quantd.flow.alerts.silence import Silence
from quantd.flow.hub import Hub
from quantd.flow.outputs import Outputs
from quantd.history.history import History
from quantd.plugin.guard import Guard
from quantd.state import State
from quantd.testing import fakes
from quantd.timeframes import MINUTE

(MODEL,) = fakes.points(6)[5:]
PENDING = 100
"""Number of bars for which the condition has to hold."""
Act = Callable[["Run"], None]


class Sink(quantd.AlertSink):
    """Keeps what it is sent."""

    def __post_init__(self) -> None:
        self.got: list[quantd.Alert] = []

    async def send(self, alert: quantd.Alert) -> None:
        self.got.append(alert)


class Run:
    """The alerts of a daemon: engine, dispatcher and outbox over a state directory."""

    def __init__(self, folder: Path, clock: EventClock, sink: Sink, rules: Sequence[Rule], routing: Routing) -> None:
        self.folder, self.clock = folder, clock
        self.state = State.open(folder)
        outbox = Outbox({"box": (sink, Guard("sink", "box", clock))}, clock)
        records = self.state.records
        engine = AlertEngine(clock, History(None))
        self.outputs = Outputs(History(None), engine, outbox, Hub(), records=records, routing=routing, clock=clock)
        for rule in rules:
            engine.add(rule, "A-B")
        ids = [rule.id for rule in engine.rules]
        engine.restore(records.rule_states(), records.places())
        self.outputs.dispatcher.recall(ids)

    async def bar(self, number: int, zscore: float) -> None:
        """Close a bar."""
        end = fakes.START + (number + 1) * MINUTE
        self.clock.advance_to(end)
        self.outputs.tell(self.outputs.alerts.judge([replace(MODEL, pair="A-B", ts=end - MINUTE, zscore=zscore)]))
        self.outputs.tell(self.outputs.alerts.advance())
        self.outputs.dispatcher.advance(end)
        await self.delivered()

    async def delivered(self) -> None:
        """Return when everything is on disk and delivered, and that is on disk, too."""
        await self.outputs.keeper.saved()
        for sender in self.outputs.outbox._senders.values():
            await sender.quiet()
        await self.outputs.keeper.saved()

    async def term(self) -> Path:
        await self.outputs.outbox.stop()
        self.state.close()
        return self.folder

    async def kill(self) -> Path:
        """Go on with the files as they are; what the daemon would still write at a stop comes too late."""
        place = self.folder.with_name(f"{self.folder.name}+")
        shutil.copytree(self.folder, place)
        await self.term()
        return place


def rule(name: str, when: str = "zscore > 2", **keys: object) -> Rule:
    made = Rule(name=name, when=parse_condition(when), every="1m", send=("box",), flapping=False)
    return replace(made, **keys)


def acknowledge(run: Run) -> None:
    run.outputs.dispatcher.acknowledge("A-B/wide", Ack(fakes.START + 60 * MINUTE, "ann"))


def silence(run: Run) -> None:
    run.outputs.dispatcher.silence(Silence("s", as_matchers("rule=wide"), run.clock.now(), fakes.START + 60 * MINUTE))


PLAIN, SLOW = rule("wide"), rule("wide", for_=PENDING * MINUTE)
REMINDED = rule("wide", repeat=(10 * MINUTE,))
WIDER = rule("wider", "zscore > 1")
INHIBIT = Routing(inhibit=(Inhibition(when=as_matchers("rule=wider"), mute=as_matchers("rule=wide"), equal=("pair",)),))
CASES: dict[str, tuple[Sequence[Rule], list[float], int, Act | None, Routing]] = {
    "inactive": ([PLAIN], [0.0] * 10 + [3.0] * 5 + [0.0] * 5, 5, None, Routing()),
    "pending at 10 %": ([SLOW], [0.0] * 5 + [3.0] * 110 + [0.0] * 5, 15, None, Routing()),
    "pending at 50 %": ([SLOW], [0.0] * 5 + [3.0] * 110 + [0.0] * 5, 55, None, Routing()),
    "pending at 99 %": ([SLOW], [0.0] * 5 + [3.0] * 110 + [0.0] * 5, 104, None, Routing()),
    "firing": ([REMINDED], [0.0] * 5 + [3.0] * 40 + [0.0] * 5, 12, None, Routing()),
    "acknowledged": ([REMINDED], [0.0] * 5 + [3.0] * 80 + [0.0] * 5, 25, acknowledge, Routing()),
    "silenced": ([REMINDED], [0.0] * 9 + [3.0] * 80 + [0.0] * 5, 25, silence, Routing()),
    "inhibited": ([WIDER, PLAIN], [0.0] * 5 + [1.5] * 5 + [3.0] * 20 + [0.0] * 5, 15, None, INHIBIT),
}
ACT_AT = 7


async def told(folder: Path, case: str, how: str = "", times: int = 0) -> list[quantd.Alert]:
    """What a sink is told by a timeline, which is restarted so many times in one way."""
    rules, zscores, at, act, routing = CASES[case]
    clock, sink = EventClock(fakes.START), Sink()
    run = Run(folder, clock, sink, rules, routing)
    await run.outputs.outbox.start()
    for number, zscore in enumerate(zscores):
        await run.bar(number, zscore)
        if number == ACT_AT and act:
            act(run)
            await run.delivered()
        for _ in range(times if number == at else 0):
            run = Run(await (run.term() if how == "term" else run.kill()), clock, sink, rules, routing)
            await run.outputs.outbox.start()
    await run.term()
    return sink.got


@pytest.mark.parametrize("times", [2, pytest.param(20, marks=pytest.mark.chaos)])
@pytest.mark.parametrize("how", ["term", "kill"])
@pytest.mark.parametrize("case", CASES)
async def test_a_restart_changes_nothing(tmp_path: Path, case: str, how: str, times: int) -> None:
    right = await told(tmp_path / "right", case)
    assert [(alert.key, alert.since) for alert in await told(tmp_path / "state", case, how, times)] == [
        (alert.key, alert.since) for alert in right
    ]
    assert right
    assert len({alert.key for alert in right}) == len(right)
