"""Reads queries and bodies. A missing value or one of the wrong type raises Invalid (422), an infinite number or NaN raises Failure
(400)."""

import asyncio
import json
import re
from collections.abc import Mapping
from functools import cache
from math import isfinite
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec
from aiohttp import web

from quantd.api.context import PATIENCE
from quantd.api.server.errors import Failure, Invalid
from quantd.errors import close_to
from quantd.times import parse_time

T = TypeVar("T")


def query(request: web.Request, cls: type[T]) -> T:
    """Return the query as a struct."""
    given, optional = dict(request.query), _optional(cls)  # type: ignore[arg-type]
    if name := next((name for name in optional if given.get(name, "").lower() == "null"), None):
        raise Invalid("invalid", ["query", name], "Expected a value, got `null`", given[name])
    return _convert("query", given, cls, strict=False)


async def body(request: web.Request, cls: type[T], largest: int) -> T:
    """Return the JSON body as a struct. An infinite number or NaN is a Failure (400), because the form of the body is right; a body of more
    than `largest` bytes is 413."""
    raw = await _read(request)
    if len(raw) > largest:
        raise web.HTTPRequestEntityTooLarge(largest, len(raw))
    try:
        given = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if endless := _not_finite(raw):
            raise Failure(400, f"Invalid value. {endless} is no finite number") from None
        raise Invalid("json_invalid", ["body"], f"JSON decode error: {error}", None) from None
    return _convert("body", given, cls, strict=True)


async def _read(request: web.Request) -> bytes:
    """Return the body. Raises Failure if it is encoded (415), since a few bytes may unpack to any number, or does not end in time (408)."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Failure(415, "A body is taken as it is: send it without Content-Encoding")
    patience = request.app[PATIENCE].body
    try:
        async with asyncio.timeout(patience):
            return await request.read()
    except TimeoutError:
        raise Failure(408, f"The body did not come within {patience:g} s") from None


def _not_finite(raw: bytes) -> str | None:
    """Return the first number of a JSON text that is not finite, as Python writes it (`Infinity`) or in digits; None if there is none."""
    found: list[str] = []

    def number(text: str) -> float:
        if not isfinite(value := float(text)):
            found.append(text)
        return value

    try:
        json.loads(raw, parse_float=number, parse_constant=number)
    except (ValueError, RecursionError):
        return None
    return found[0] if found else None


def _convert(source: str, given: Any, cls: type[T], *, strict: bool) -> T:
    decimals = _decimals(cls) if isinstance(given, Mapping) else ()  # type: ignore[arg-type]
    if endless := next((given[name] for name in decimals if _is_endless(given.get(name))), None):
        raise Failure(400, f"Invalid value. {endless} is no finite number")
    try:
        return msgspec.convert(given, cls, strict=strict)
    except msgspec.ValidationError as error:
        raise invalid(source, str(error), given, cls) from None


@cache
def _decimals(cls: type) -> tuple[str, ...]:
    """Return the fields of a struct that may be decimal numbers."""
    return tuple(name for name, kinds in _kinds(cls).items() if msgspec.inspect.FloatType in kinds)


@cache
def _optional(cls: type) -> tuple[str, ...]:
    """Return the fields of a query that are None unless they are given, and cannot be a text: msgspec would take the text null for None."""
    return tuple(name for name, kinds in _kinds(cls).items() if msgspec.inspect.NoneType in kinds and msgspec.inspect.StrType not in kinds)


def _kinds(cls: type) -> dict[str, set[type]]:
    """Return the kinds of values that each field of a struct accepts."""
    info = msgspec.inspect.type_info(cls)
    assert isinstance(info, msgspec.inspect.StructType)
    return {field.encode_name: {type(_bare(each)) for each in getattr(_bare(field.type), "types", (field.type,))} for field in info.fields}


def _bare(kind: msgspec.inspect.Type) -> msgspec.inspect.Type:
    """Return a type without what is noted beside it."""
    return kind.type if isinstance(kind, msgspec.inspect.Metadata) else kind


def _is_endless(value: Any) -> bool:
    """Return whether a value is a number, or the text of one, that is not finite."""
    try:
        return not isfinite(float(value))
    except OverflowError:
        return True
    except (TypeError, ValueError):
        return False


def invalid(source: str, message: str, given: Any, cls: type | None = None) -> Invalid:
    """Convert a message of msgspec, such as "Expected `int`, got `str` - at `$.limit`", about a struct of type `cls` to Invalid."""
    if missing := re.search(r"missing required field `(\w+)`", message):
        return Invalid("missing", [source, missing[1]], "Field required", given)
    what, _, where = message.partition(" - at `$")
    path = re.findall(r"\w+", where)
    if cls and (unknown := re.search(r"contains unknown field `(.*)`", what)):
        known = [field.encode_name for field in msgspec.structs.fields(cls)]
        hint = f" (did you mean {meant!r}?)" if (meant := close_to(unknown[1], known)) else ""
        return Invalid("invalid", [source, *path, unknown[1]], f"Unknown key; there is {', '.join(known)}{hint}", given)
    if "enum" in what and (choices := _choices(cls, path)):
        what = f"Input should be one of {', '.join(choices)}"
    return Invalid("invalid", [source, *path], what, _inside(given, path))


def _choices(cls: type | None, path: list[str]) -> tuple[str, ...]:
    """Return the texts that a field of a struct accepts; empty if it accepts any."""
    fields = msgspec.structs.fields(cls) if cls and path else ()
    kinds = [
        get_args(field.type)[0] if get_origin(field.type) is Annotated else field.type for field in fields if field.encode_name == path[0]
    ]
    return next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), ())


def _inside(given: Any, path: list[str]) -> Any:
    for key in path:
        given = given.get(key) if isinstance(given, Mapping) else given
    return given


def moment(name: str, text: str | None) -> int | None:
    """Return a time in a query in milliseconds; None if it is not given. Raises Invalid.

    >>> moment("from", "2026-01-01T00:00:00.007Z"), moment("from", "1767225600007"), moment("from", None)
    (1767225600007, 1767225600007, None)
    """
    if not text:
        return None
    try:
        return parse_time(text)
    except ValueError:
        raise Invalid("datetime_parsing", ["query", name], "Input should be an ISO 8601 time or milliseconds", text) from None
