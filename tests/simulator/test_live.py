"""The live path without sockets."""

import json
from collections.abc import Sequence
from pathlib import Path

from quantd.simulator.faults.active import ActiveFaults
from quantd.simulator.faults.fault import World
from quantd.simulator.faults.schedule import FaultSchedule
from quantd.simulator.ledger import Ledger
from quantd.simulator.live import Live
from quantd.simulator.scenario import Limits
from quantd.simulator.ws import Gateway

from .support import ManualClock, exchange


class Auditor(Gateway):
    """Listens to everything and holds each frame against the ledger file at the moment it is offered."""

    def __init__(self, directory: Path, clock: ManualClock) -> None:
        super().__init__(Limits(), clock)
        self.directory = directory
        self.seen = 0

    def wanted(self, stream: str) -> bool:
        return True

    def publish(self, stream: str, payloads: Sequence[bytes]) -> None:
        trades = [json.loads(payload) for payload in payloads]
        rows = (self.directory / f"{trades[0]['s']}.csv").read_text().splitlines()[-len(trades) :]
        assert [row.split(",")[0] for row in rows] == [str(trade["a"]) for trade in trades]
        assert [row.split(",")[-1] for row in rows] == [str(trade["E"]) for trade in trades]
        self.seen += len(trades)


def test_the_ledger_is_written_before_a_frame_is_offered(tmp_path: Path) -> None:
    clock = ManualClock()
    served, auditor = exchange(clock), Auditor(tmp_path, clock)
    live = Live(served, Ledger(tmp_path, list(served.listings)), auditor, FaultSchedule(ActiveFaults(), World(served, [], auditor.publish)))
    for _ in range(20):
        clock.now += 500
        live.push(clock.now)
    assert auditor.seen > 200


def test_a_ledger_is_continued_with_one_header(tmp_path: Path) -> None:
    for _ in range(2):
        clock = ManualClock()
        served = exchange(clock)
        ledger = Ledger(tmp_path, list(served.listings))
        ledger.append("BTCUSDT", served.listings["BTCUSDT"].advance(clock.now + 1000), clock.now)
        ledger.close()
    lines = (tmp_path / "BTCUSDT.csv").read_text().splitlines()
    assert lines[0] == "a,p_ticks,q_steps,nq_steps,f,l,T,m,E_first_sent"
    assert lines[1 : len(lines) // 2 + 1] == lines[len(lines) // 2 + 1 :]
