"""Messages to sinks over REST."""

from quantd.state import Delivery, Message
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.testing.services import FakeServices
from quantd.times import iso

from .conftest import Ask

DEAD = Delivery(3, Message("3/firing", "hook", "lane", (fakes.alert(3),)), START, "dead", 4, START + 1_000, "404 Not Found")
WAITS = Delivery(2, Message("2/firing", "mail", "lane", (fakes.alert(2),)), START)
PATH = "/api/v1/deliveries"


async def test_messages_are_listed_by_state_and_sink(ask: Ask, services: FakeServices) -> None:
    services.deliveries.known += [DEAD, WAITS]
    assert await ask(f"{PATH}?state=dead") == (
        200,
        [
            {
                "key": "3/firing",
                "sink": "hook",
                "state": "dead",
                "tries": 4,
                "made": iso(START),
                "due": iso(START + 1_000),
                "reason": "404 Not Found",
                "texts": [fakes.alert(3).text],
            }
        ],
    )
    for query, keys in (("", ["3/firing", "2/firing"]), ("?sink=mail", ["2/firing"]), ("?limit=1", ["3/firing"]), ("?state=sent", [])):
        _, rows = await ask(PATH + query)
        assert [row["key"] for row in rows] == keys
    assert (await ask(f"{PATH}?state=lost"))[0] == 422


async def test_dead_messages_are_delivered_again(ask: Ask, services: FakeServices) -> None:
    services.deliveries.known += [DEAD, WAITS]
    assert await ask(f"{PATH}/resend", "POST", json={"keys": ["3/firing", "2/firing"]}) == (200, {"resent": 1})
    assert await ask(f"{PATH}/resend", "POST", json={"all": True}) == (200, {"resent": 1})
    assert services.deliveries.resent == ["3/firing", "3/firing"]
    for body in ({}, {"keys": ["3/firing"], "all": True}):
        assert (await ask(f"{PATH}/resend", "POST", json=body))[0] == 400
