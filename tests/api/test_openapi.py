"""`/openapi.json` is valid OpenAPI 3.1, tells all of every route, and its examples are of the schemas beside them."""

from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from aiohttp import ClientSession, web
from msgspec import Meta, Raw, Struct
from msgspec.structs import replace
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from quantd.api.openapi import document
from quantd.api.openapi.complete import Incomplete, demand_complete
from quantd.api.openapi.types import answered
from quantd.api.route import Route
from quantd.api.table import ROUTES

from .conftest import Ask

DOCUMENT = document(ROUTES)


async def good(request: web.Request) -> web.Response:
    """Answer."""
    return web.Response()


async def silent(request: web.Request) -> web.Response:
    return web.Response()


GOOD = Route("GET", "/good", good, None, None, list[str], (), "read", "cheap")


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        yield from ((f"{method.upper()} {path}", operation) for method, operation in methods.items())


def test_it_is_valid() -> None:
    validate(DOCUMENT)


async def test_it_is_served_with_a_tag(ask: Ask, session: ClientSession) -> None:
    assert await ask("/openapi.json") == (200, DOCUMENT)
    async with session.get("/openapi.json") as first:
        tag = first.headers["ETag"]
    async with session.get("/openapi.json", headers={"If-None-Match": tag}) as again:
        assert (again.status, await again.read()) == (304, b"")


def test_every_route_is_told_of() -> None:
    assert [name for name, _ in operations()] == [f"{route.method} {route.path}" for route in ROUTES]
    for name, operation in operations():
        assert all(operation[key] for key in ("operationId", "tags", "summary", "responses")), name
        assert set(operation["responses"]) > {"400", "401", "403", "421", "429", "503"}, name
        assert all(each["description"] for each in operation["parameters"]), name


def test_each_route_is_in_a_group_that_is_told_of() -> None:
    groups = {name: operation["tags"] for name, operation in operations()}
    assert {tag for tags in groups.values() for tag in tags} == {tag["name"] for tag in DOCUMENT["tags"]}
    assert all(tag["description"] for tag in DOCUMENT["tags"])
    assert groups["GET /openapi.json"] == groups["GET /asyncapi.json"] == ["documents"]
    assert groups["GET /analytics/lead-lag"] == groups["GET /analytics/pair"] == ["analytics"]


def test_who_may_ask() -> None:
    asked = {name: operation["security"] for name, operation in operations()}
    assert asked["GET /live"] == []
    assert asked["GET /symbols"] == [{"bearer": ["read"]}, {}]
    assert asked["POST /alerts"] == [{"bearer": ["write"]}, {}]


def test_parameters_say_what_is_accepted() -> None:
    query = {each["name"]: each for each in DOCUMENT["paths"]["/backtest"]["get"]["parameters"]}
    assert query["window"]["schema"] == {"type": "integer", "minimum": 2, "maximum": 2000, "default": 60}
    assert query["zscore"]["schema"]["enum"] == ["ew", "innovation", "robust", "rolling", "window"]
    assert query["stop"]["schema"] == {"type": "number", "minimum": -1e300, "maximum": 1e300}, "no null in a query"
    assert query["pair"]["examples"]["a-trade"] == {"value": "BTCUSDT-ETHUSDT"}
    path = DOCUMENT["paths"]["/data/{symbol}"]["get"]["parameters"]
    assert [(each["name"], each["in"], each["required"]) for each in path][:2] == [("symbol", "path", True), ("tf", "query", False)]


def contents() -> Iterator[Any]:
    """Each body of a request or an answer for which there are examples."""
    for name, operation in operations():
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        for said in [*bodies, *operation["responses"].values()]:
            for kind, content in said.get("content", {}).items():
                if "examples" in content:
                    yield pytest.param(content, id=f"{name} {kind} {next(iter(content['examples']))}")


@pytest.mark.parametrize("content", list(contents()))
def test_examples_are_of_their_schemas(content: dict[str, Any]) -> None:
    schema = content["schema"] | {"components": DOCUMENT["components"]}
    check = OAS31Validator(schema, format_checker=OAS31Validator.FORMAT_CHECKER)
    for example in content["examples"].values():
        check.validate(example["value"])


def test_an_answer_that_may_be_cut_tells_its_headers() -> None:
    told = {name: "Link" in operation["responses"].get("200", {}).get("headers", {}) for name, operation in operations()}
    assert told["GET /data/{symbol}"]
    assert told["GET /api/v1/bars/{symbol}"]
    assert sum(told.values()) == 8


def test_what_is_always_sent_is_required() -> None:
    schema = answered([Sent]).components["Sent"]
    assert schema["required"] == ["always"]
    assert schema["properties"]["always"] == {"description": "A number; null without one.", "type": "integer"}
    fired = DOCUMENT["components"]["schemas"]["Fired"]
    assert "bar" in fired["properties"]
    assert "bar" not in fired["required"]


def test_the_table_is_complete() -> None:
    assert demand_complete(ROUTES) is ROUTES
    assert demand_complete((GOOD,)) == (GOOD,)


class Sent(Struct):
    """Sent."""

    always: int = 0
    """A number; None without one."""


class Told(Struct):
    """A body that says what it is."""

    name: Annotated[str, Meta(description="A name.")]


class Untold(Struct):
    """A query that does not."""

    name: str | None = None


class Vague(Struct):
    """An answer that says nothing."""

    rows: list[Raw]


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"handler": silent}, "its handler has no docstring"),
        ({"path": "/good/{thing}"}, "nothing is known of {thing} (IN_PATH)"),
        ({"query": Untold, "errors": (422,)}, "Untold.name has no description"),
        ({"query": Told}, "it must tell of 422"),
        ({"body": Told}, "it must tell of 408"),
        ({"errors": (418,)}, "the meaning of 418 is not known (FAILURES)"),
        ({"answer": list[dict[str, Any]]}, "its answer is not exact"),
        ({"answer": Vague}, "its answer is not exact"),
        ({"scope": "none"}, "its scope or its class of rate is none"),
        ({"rate": "slow"}, "its scope or its class of rate is none"),
    ],
)
def test_a_route_that_lacks_something_does_not_start(change: dict[str, Any], missing: str) -> None:
    with pytest.raises(Incomplete) as caught:
        demand_complete((replace(GOOD, **change),))
    assert missing in str(caught.value)


def test_two_routes_of_one_name_do_not_start() -> None:
    with pytest.raises(Incomplete, match="several routes are named get_good"):
        demand_complete((GOOD, GOOD))
