"""Faults that the control port is asked for: their times, their end, and what is said about bad ones."""

from typing import Any

import pytest

from quantd.simulator.faults.active import ActiveFaults
from quantd.simulator.faults.delivery import Drop
from quantd.simulator.faults.fault import World
from quantd.simulator.faults.schedule import FaultSchedule
from quantd.simulator.faults.spec import FaultSpec
from tests.simulator.support import EPOCH, Simulator, exchange

from .support import BTC, ask, fault


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"kind": "gremlin"}, "no kind of fault is named 'gremlin'; there are"),
        ({"kind": "drop", "params": {"kay": 1}}, "params of drop: Object contains unknown field `kay`"),
        ({"kind": "drop", "params": {"k": 3, "n": 2}}, "k must not be above n"),
        ({"kind": "drop", "match": {"streem": BTC}}, "streem"),
        ({"kind": "drop", "match": {"prob": 2}}, "<= 1"),
        ({"kind": "drop", "for_ms": -1}, ">= 0"),
        ({"match": {}}, "kind"),
        (7, "object"),
    ],
)
async def test_bad_orders_are_refused(faulty: Simulator, body: Any, complaint: str) -> None:
    status, answer = await ask(faulty, "POST", "/fault", body)
    assert status == 400
    assert complaint in answer["error"]


async def test_faults_are_listed_until_they_are_deleted(faulty: Simulator) -> None:
    async with fault(faulty, "drop", {"prob": 0.0}, k=1) as name:
        _, rows = await ask(faulty, "GET", "/faults")
        [row] = [row for row in rows if row["id"] == name]
        assert (row["kind"], row["active"], row["params"]) == ("drop", True, {"k": 1})
        assert await ask(faulty, "DELETE", f"/fault/{name}") == (200, {"id": name})
        assert (await ask(faulty, "DELETE", f"/fault/{name}"))[0] == 404
    assert await ask(faulty, "GET", "/faults") == (200, [])


def test_a_fault_begins_and_ends_by_the_exchanges_clock() -> None:
    active = ActiveFaults()
    schedule = FaultSchedule(active, World(exchange(), [], lambda _stream, _payloads: None))
    schedule.add(FaultSpec(kind="drop", at=EPOCH + 100, for_ms=50), EPOCH)
    lasting = schedule.add(FaultSpec(kind="drop"), EPOCH)
    found = []
    for now in (EPOCH + 99, EPOCH + 100, EPOCH + 149, EPOCH + 150):
        schedule.advance(now)
        found.append(len(active.of(Drop)))
    assert found == [1, 2, 2, 1]
    assert schedule.cancel(lasting, EPOCH + 150)
    assert not schedule.cancel(lasting, EPOCH + 150)
    assert schedule.runs == []
