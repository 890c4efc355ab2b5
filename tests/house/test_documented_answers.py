"""Each JSON block of docs/api.md is an answer, a frame, a body or a command as the API declares it: all of it, and nothing else."""

import json
from collections.abc import Iterator
from inspect import getmembers
from typing import Any

import pytest
from msgspec import Struct
from msgspec.json import encode

from quantd.api.openapi.responses import BODIES, parts
from quantd.api.openapi.types import structs
from quantd.api.schema import frames, requests, topics
from quantd.api.table import ROUTES
from tests.api.exactly import as_declared
from tests.conftest import ROOT

from .test_docs import fences

PAGE = ROOT / "docs/api.md"


def declared() -> tuple[Any, ...]:
    """Every struct that goes over the wire, each also as one of a list."""
    said = [kind for route in ROUTES for kind in (*parts(route.answer), route.body)]
    in_modules = [cls for module in (frames, requests, topics) for _, cls in getmembers(module, lambda each: isinstance(each, type))]
    found = {struct for kind in [*said, *BODIES, *in_modules] for struct in structs(kind) if struct is not Struct}
    return (*found, *(list[struct] for struct in found))  # type: ignore[valid-type]


def values(text: str) -> Iterator[Any]:
    """The JSON values of a block, one after the other."""
    rest = text.strip()
    while rest:
        value, end = json.JSONDecoder().raw_decode(rest)
        yield value
        rest = rest[end:].strip()


SHOWN = [value for block in fences(PAGE, "json") for value in values(block)]


@pytest.mark.parametrize("value", SHOWN, ids=lambda value: json.dumps(value)[:60])
def test_it_is_declared(value: Any) -> None:
    as_declared(declared(), encode(value))


def test_there_are_some() -> None:
    assert len(SHOWN) > 15


def test_what_is_declared_nowhere_is_noticed() -> None:
    with pytest.raises(AssertionError, match="is none of"):
        as_declared(declared(), encode({"status": "ok", "more": 1}))
