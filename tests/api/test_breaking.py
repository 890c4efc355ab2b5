"""Whoever works with the last release's API works with this one."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from . import released
from .breaking import breaks

NOW = released.now()
Change = Callable[[dict[str, Any]], object]


def test_nothing_of_the_last_release_is_broken() -> None:
    assert breaks(released.last(), NOW) == [], "a client of the last release would fail: see CONTRIBUTING.md"


def test_a_document_breaks_nothing_of_itself() -> None:
    assert breaks(NOW, NOW) == []


def schema(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda new: new["components"]["schemas"][name]


def parameter(path: str, name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda new: next(each for each in new["paths"][path]["get"]["parameters"] if each["name"] == name)


def answered(path: str, method: str = "get") -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda new: new["paths"][path][method]["responses"]["200"]["content"]


candle, rule, field = schema("Candle"), schema("RuleBody"), parameter("/data/{symbol}", "limit")
BREAKS: dict[str, Change] = {
    "GET /symbols: gone": lambda new: new["paths"].pop("/symbols"),
    "DELETE /alerts/{id}: gone": lambda new: new["paths"]["/alerts/{id}"].pop("delete"),
    "GET /data/{symbol}: query parameter limit is gone": lambda new: new["paths"]["/data/{symbol}"]["get"]["parameters"].remove(field(new)),
    "GET /data/{symbol}: query parameter limit is now required": lambda new: field(new).update(required=True),
    "GET /data/{symbol}: limit can no longer be integer": lambda new: field(new)["schema"].update(type="string"),
    "GET /data/{symbol}: limit is narrower": lambda new: field(new)["schema"].update(maximum=10),
    "GET /data/{symbol}: answer[].open is gone": lambda new: candle(new)["properties"].pop("open"),
    "GET /data/{symbol}: answer[].open is no longer always there": lambda new: candle(new)["required"].remove("open"),
    "GET /data/{symbol}: answer[].open may now be string": lambda new: candle(new)["properties"]["open"].update(type="string"),
    "GET /data/{symbol}: answer[].open may now be null": lambda new: candle(new)["properties"].update(
        open={"anyOf": [{"type": "number"}, {"type": "null"}]}
    ),
    "GET /data/{symbol}: answer application/json is gone": lambda new: new["paths"]["/data/{symbol}"]["get"]["responses"]["200"].pop(
        "content"
    ),
    "GET /symbols: asks for more rights: admin": lambda new: new["paths"]["/symbols"]["get"].update(security=[{"bearer": ["admin"]}, {}]),
    "GET /live: asks for more rights: a token, read": lambda new: new["paths"]["/live"]["get"].update(security=[{"bearer": ["read"]}]),
    "GET /live: its name was get_live": lambda new: new["paths"]["/live"]["get"].update(operationId="alive"),
    "POST /alerts: request.op has lost ==": lambda new: rule(new)["properties"]["op"]["enum"].remove("=="),
    "POST /alerts: request.why is now required": lambda new: rule(new)["required"].append("why"),
    "POST /stream/stop: answer may now be object Other": lambda new: answered("/stream/stop", "post")(new)["application/json"]["schema"][
        "anyOf"
    ].append({"type": "object", "title": "Other"}),
    "GET /backtest: zscore has lost ew": lambda new: parameter("/backtest", "zscore")(new)["schema"]["enum"].remove("ew"),
}


@pytest.mark.parametrize("told", BREAKS)
def test_a_break_is_told(told: str) -> None:
    new = deepcopy(NOW)
    BREAKS[told](new)
    assert told in breaks(NOW, new)


KINDNESSES: dict[str, Change] = {
    "another route": lambda new: new["paths"].update({"/more": new["paths"]["/live"]}),
    "another field of an answer": lambda new: (
        candle(new)["properties"].update(more={"type": "string"}),
        candle(new)["required"].append("more"),
    ),
    "another parameter": lambda new: new["paths"]["/symbols"]["get"]["parameters"].append(field(new) | {"name": "more"}),
    "another value of a parameter": lambda new: rule(new)["properties"]["op"]["enum"].append("!="),
    "a field that was required": lambda new: rule(new)["required"].remove("pair"),
    "a right less": lambda new: new["paths"]["/alerts"]["post"].update(security=[]),
    "a wider bound": lambda new: field(new)["schema"].update(minimum=0),
    "a number that is whole now": lambda new: candle(new)["properties"]["open"].update(type="integer"),
}


@pytest.mark.parametrize("change", KINDNESSES)
def test_what_takes_nothing_away_is_no_break(change: str) -> None:
    new = deepcopy(NOW)
    KINDNESSES[change](new)
    assert breaks(NOW, new) == []


def test_versions_are_ordered_by_number() -> None:
    files = [released.FOLDER / f"openapi-{each}.json" for each in ("0.9", "0.10", "1.0")]
    assert sorted(files, key=released._number) == files
