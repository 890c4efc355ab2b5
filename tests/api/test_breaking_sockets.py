"""Whoever works with the last release's sockets works with this one's."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from . import released
from .breaking_sockets import breaks

NOW = released.now("asyncapi")
Change = Callable[[dict[str, Any]], object]


def test_nothing_of_the_last_release_is_broken() -> None:
    assert breaks(released.last("asyncapi"), NOW) == [], "a client of the last release would fail: see CONTRIBUTING.md"


def test_a_document_breaks_nothing_of_itself() -> None:
    assert breaks(NOW, NOW) == []


def schema(new: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = new["components"]["schemas"][name]
    return found


BREAKS: dict[str, Change] = {
    "/stream/ws: gone": lambda new: new["channels"].pop("stream-ws"),
    "bar:{symbol}:{every}: gone": lambda new: new["channels"]["topic-bar"].update(address="bar:{symbol}"),
    "/ws: request ping is gone": lambda new: new["operations"].pop("ws.ping"),
    "/ws: answer lagged is gone": lambda new: new["operations"].pop("ws.frames"),
    "/ws: answer trade is gone": lambda new: new["components"]["messages"]["FrontendTradeFrame"].update(name="tick"),
    "/ws: trade.price is gone": lambda new: schema(new, "FrontendTradeFrame")["properties"].pop("price"),
    "/ws: trade.price may now be string": lambda new: schema(new, "FrontendTradeFrame")["properties"]["price"].update(type="string"),
    "/ws: subscribe.since is now required": lambda new: schema(new, "FrontendSubscribe")["required"].append("since"),
    "/api/v1/ws: subscribe.topic is narrower": lambda new: schema(new, "Subscribe")["properties"]["topic"].update(maxLength=8),
    "/api/v1/ws: lagged.missed[1] may now be null": lambda new: schema(new, "Lagged")["properties"]["missed"]["items"].__setitem__(
        1, {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    ),
    "trade:{symbol}: trades.rows[].id is no longer always there": lambda new: schema(new, "TradeRow")["required"].remove("id"),
    "http bearer no longer takes a token": lambda new: new["components"]["securitySchemes"].pop("bearer"),
}


@pytest.mark.parametrize("told", BREAKS)
def test_a_break_is_told(told: str) -> None:
    new = deepcopy(NOW)
    BREAKS[told](new)
    assert told in breaks(NOW, new)


def renamed(new: dict[str, Any]) -> None:
    """Give a channel another name."""
    new["channels"]["more"] = new["channels"].pop("topic-bar")
    new["operations"]["topic-bar.frames"]["channel"]["$ref"] = "#/channels/more"
    new["operations"]["topic-bar.frames"]["messages"][0]["$ref"] = "#/channels/more/messages/Bars"


KINDNESSES: dict[str, Change] = {
    "another socket": lambda new: new["channels"].update(more=new["channels"]["ws"] | {"address": "/more"}),
    "another name of a channel": renamed,
    "another frame": lambda new: new["operations"]["ws.frames"]["messages"].append({"$ref": "#/components/messages/Trades"}),
    "another field of a frame": lambda new: schema(new, "FrontendTradeFrame")["properties"].update(more={"type": "string"}),
    "another field of a command that can be left out": lambda new: schema(new, "Subscribe")["properties"].update(more={"type": "string"}),
}


@pytest.mark.parametrize("change", KINDNESSES)
def test_what_takes_nothing_away_is_no_break(change: str) -> None:
    new = deepcopy(NOW)
    KINDNESSES[change](new)
    assert breaks(NOW, new) == []
