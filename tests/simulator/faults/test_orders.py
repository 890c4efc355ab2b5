"""The control port's orders: their times, their end, and what is said about bad ones."""

from typing import Any

import pytest

from quantd.simulator.faults.delivery import Drop
from quantd.simulator.faults.director import Director
from quantd.simulator.faults.docket import Docket
from quantd.simulator.faults.fault import World
from quantd.simulator.faults.order import Order
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
    docket = Docket()
    director = Director(docket, World(exchange(), [], lambda _stream, _payloads: None))
    director.order(Order(kind="drop", at=EPOCH + 100, for_ms=50), EPOCH)
    lasting = director.order(Order(kind="drop"), EPOCH)
    active = []
    for now in (EPOCH + 99, EPOCH + 100, EPOCH + 149, EPOCH + 150):
        director.advance(now)
        active.append(len(docket.of(Drop)))
    assert active == [1, 2, 2, 1]
    assert director.cancel(lasting, EPOCH + 150)
    assert not director.cancel(lasting, EPOCH + 150)
    assert director.cases == []
