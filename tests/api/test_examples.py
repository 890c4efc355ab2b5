"""Each example of the OpenAPI document is what the API answers today, and of the type that the table declares."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from quantd.api.openapi.examples import Example, recorded
from quantd.api.openapi.headers import headers as told_headers
from quantd.api.route import Frames, Route
from quantd.api.table import ROUTES

from .asked import ASKED, asked
from .exactly import as_declared, oddities
from .market import market

BY_PLACE: dict[tuple[str, str], Route] = {(route.method, route.path): route for route in ROUTES}
DOCUMENTS = {("GET", path) for path in ("/openapi.json", "/asyncapi.json", "/docs", "/redoc", "/assets/{name}")}
OF_USE = {"ETag", "X-Truncated", "Link"}
LARGEST = 64 * 1024
"""Bytes of all examples, which are part of a document that a browser loads."""
HOW = "python -m tests.api.asked records them anew"


def settled(answer: Any) -> Any:
    """An answer without the last digits of its numbers, in which machines differ."""
    return json.loads(json.dumps(answer), parse_float=lambda text: float(f"{float(text):.9g}"))


def of_use(headers: Mapping[str, str]) -> set[str]:
    return {name for name in OF_USE if name in headers}


def place(example: Example) -> tuple[str, str, str]:
    return example.method, example.path, example.name


@pytest.mark.parametrize("question", ASKED, ids=lambda each: " ".join(place(each)))
async def test_it_is_what_the_api_answers(question: Example) -> None:
    known = {place(each): each for each in recorded()}[place(question)]
    now, data, headers = await asked(question, market())
    assert settled(msgspec.to_builtins(known)) == settled(msgspec.to_builtins(now)), HOW
    assert json.dumps(settled(known.answer)) == json.dumps(settled(now.answer)), "the order of the fields"
    if now.status == 200 and now.type == "application/json":
        assert list(oddities(as_declared(BY_PLACE[now.method, now.path].answer, data))) == []
    if now.status == 200:
        assert of_use(headers) <= set(told_headers(now.path))


async def test_every_header_that_is_told_is_sent() -> None:
    told = {place: set(found) for place in BY_PLACE if place not in DOCUMENTS and (found := told_headers(place[1]))}
    sent: dict[tuple[str, str], set[str]] = {}
    for question in (each for each in ASKED if (each.method, each.path) in told):
        _, _, headers = await asked(question, market())
        sent.setdefault((question.method, question.path), set()).update(of_use(headers))
    assert sent == told


def test_there_is_none_that_nobody_asks_for() -> None:
    assert list(map(place, recorded())) == list(map(place, ASKED)), HOW


def test_every_route_has_one() -> None:
    shown = {(each.method, each.path) for each in recorded() if each.status == 200}
    silent = {place for place, route in BY_PLACE.items() if isinstance(route.answer, Frames)} | DOCUMENTS
    assert set(BY_PLACE) - silent - shown == set(), "add a request to tests/api/asked.py"


def test_names_are_unique_within_a_route() -> None:
    places = [(each.key, each.method, each.path) for each in ASKED]
    assert len(set(places)) == len(places)


def test_they_are_small() -> None:
    assert len(msgspec.json.encode(recorded())) < LARGEST


def test_a_field_that_is_not_declared_is_noticed() -> None:
    class Row(msgspec.Struct):
        ts: str

    with pytest.raises(AssertionError, match="is none of"):
        as_declared(list[Row], b'[{"ts":"2026-01-01T00:00:00.000Z","more":1}]')
    read = as_declared(list[Row], b'[{"ts":"2026-01-01T00:00:00.000Z"}]')
    assert list(oddities(read)) == ["ts: 2026-01-01T00:00:00.000Z is declared as <class 'str'>"]
