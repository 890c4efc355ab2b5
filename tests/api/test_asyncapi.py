"""`/asyncapi.json` tells all of the sockets, and its examples are what is said over them."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from aiohttp import ClientSession
from jsonschema import Draft7Validator

from quantd.api.asyncapi import document
from quantd.api.asyncapi.examples import Example, recorded
from quantd.api.asyncapi.sockets import SOCKETS, Socket
from quantd.api.route import Frames
from quantd.api.schema import requests, topics
from quantd.api.table import ROUTES
from quantd.api.ws.v1.topics import KINDS

from .conftest import Ask
from .spoken import spoken

DOCUMENT = document()
HOW = "python -m tests.api.spoken records them anew"


def socket_of(example: Example) -> Socket:
    (socket,) = (each for each in SOCKETS if example.path in each.paths)
    return socket


def faults(name: str, message: dict[str, Any]) -> list[str]:
    """What the schema of a message finds wrong."""
    schema = {"allOf": [DOCUMENT["components"]["messages"][name]["payload"]], "components": DOCUMENT["components"]}
    return [fault.message for fault in Draft7Validator(schema).iter_errors(message)]


async def test_it_is_served_with_a_tag(ask: Ask, session: ClientSession) -> None:
    assert await ask("/asyncapi.json") == (200, DOCUMENT)
    async with session.get("/asyncapi.json") as first:
        tag = first.headers["ETag"]
    async with session.get("/asyncapi.json", headers={"If-None-Match": tag}) as again:
        assert (again.status, await again.read()) == (304, b"")


def test_every_socket_of_the_table_is_told_of() -> None:
    served = [route.path for route in ROUTES if isinstance(route.answer, Frames)]
    assert [each["address"] for each in DOCUMENT["channels"].values() if "bindings" in each] == served


def test_every_topic_of_the_table_is_told_of() -> None:
    told = [each["address"] for each in DOCUMENT["channels"].values() if "bindings" not in each]
    assert told == [":".join([kind.name, *(f"{{{name}}}" for name in kind.parameters)]) for kind in KINDS.values()]
    frames = [next(iter(each["messages"])) for each in DOCUMENT["channels"].values() if "bindings" not in each]
    assert frames == [kind.frame.__name__ for kind in KINDS.values()]


def test_every_command_is_told_of() -> None:
    assert [set(socket.commands) for socket in SOCKETS] == [set(get_args(requests.Command)), set(get_args(topics.Commands))]


def test_every_message_is_told_of_with_an_example() -> None:
    names = {socket.prefix + each.__name__ for socket in SOCKETS for each in (*socket.commands, *socket.frames)}
    messages = DOCUMENT["components"]["messages"]
    assert set(messages) == names
    assert [name for name, each in messages.items() if not each.get("examples") or not each["summary"]] == []


def references(part: Any) -> Iterator[str]:
    match part:
        case dict():
            yield from [part["$ref"]] if "$ref" in part else ()
            yield from (each for value in part.values() for each in references(value))
        case list():
            yield from (each for value in part for each in references(value))


def test_references_lead_somewhere() -> None:
    for reference in references(DOCUMENT):
        found = DOCUMENT
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]


@pytest.mark.parametrize("example", recorded(), ids=lambda each: f"{each.path} {each.struct} {each.name}")
def test_an_example_is_of_its_schema(example: Example) -> None:
    name = socket_of(example).prefix + example.struct
    assert faults(name, example.message) == []
    assert {"name": example.name, "payload": example.message} in DOCUMENT["components"]["messages"][name]["examples"]


async def test_the_examples_are_what_is_said() -> None:
    assert list(recorded()) == await spoken(), HOW


@pytest.mark.parametrize(
    ("name", "message", "wrong"),
    [
        ("FrontendTradeFrame", {"type": "trade", "symbol": "BTCUSDT", "price": "1", "qty": 1.0, "ts": ""}, "'1' is not of type 'number'"),
        ("FrontendPongFrame", {"type": "ping"}, "'ping' is not one of ['pong']"),
        ("Subscribed", {"type": "subscribed"}, "'topic' is a required property"),
        ("Lagged", {"type": "lagged", "topic": "alert", "count": 1, "missed": [1, "2"]}, "'2' is not of type 'integer'"),
        ("Lagged", {"type": "lagged", "topic": "alert", "count": 1, "missed": [1, 2, 3]}, "[1, 2, 3] is too long"),
    ],
)
def test_a_message_that_is_not_of_its_schema_is_noticed(name: str, message: dict[str, Any], wrong: str) -> None:
    assert wrong in faults(name, message)


def test_a_frame_that_leaves_out_what_has_its_default_is_one() -> None:
    assert faults("Pong", {"type": "pong"}) == faults("Pong", {"type": "pong", "id": "a"}) == []
    assert faults("FrontendGapFrame", {"type": "gap"}) != []
