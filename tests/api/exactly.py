"""Whether an answer is what its declared type says: every field, no other, and a time where there is a time."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, get_args

import msgspec
from msgspec import Struct

from quantd.api.openapi.responses import parts

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*")
LARGEST = 2**53


def as_declared(answer: Any, data: bytes) -> Any:
    """What a client reads of the bytes of an answer, by the first of its types that says all of it."""
    wrong = []
    for kind in parts(answer):
        with suppress(msgspec.ValidationError):
            read = msgspec.json.decode(data, type=kind)
            if msgspec.json.decode(msgspec.json.encode(read)) == msgspec.json.decode(data):
                return read
        wrong.append(kind)
    raise AssertionError(f"{data[:200]!r} is none of {wrong}")


def oddities(read: Any, kind: Any = None) -> Iterator[str]:
    """Times that are declared as plain texts, and integers that a double does not hold."""
    match read:
        case Struct():
            for field in msgspec.structs.fields(read):
                yield from (f"{field.name}: {odd}" for odd in oddities(getattr(read, field.name), field.type))
        case dict():
            yield from (odd for each in read.values() for odd in oddities(each))
        case list() | tuple():
            yield from (odd for each in read for odd in oddities(each, *get_args(kind)[:1]))
        case str() if TIME.fullmatch(read) and not is_time(kind):
            yield f"{read} is declared as {kind}"
        case int() if abs(read) > LARGEST:
            yield f"{read} is too large"


def is_time(kind: Any) -> bool:
    extra = [meta.extra_json_schema or {} for meta in getattr(kind, "__metadata__", ())]
    return any(each.get("format") == "date-time" for each in extra) or any(map(is_time, get_args(kind)))
