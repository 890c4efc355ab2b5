"""Values as the types of settings; what does not fit is said in the operator's words."""

import re
from collections.abc import Mapping, Sequence
from math import isfinite
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from quantd.errors import close_to

_WORDS = {
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "null": "nothing",
    "object": "a mapping",
    "str": "a text",
}
_EXPECTED = re.compile(r"Expected `([^`]+)`(?:, got `[^`]+`)?(.*)", re.DOTALL)
_DURATION = re.compile(r" matching regex '\^\\\\d\+\(([a-z|]+)\)\$'")


class Invalid(ValueError):
    """What was expected instead of a value."""

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.suggestion = suggestion


def convert(value: Any, kind: Any) -> Any:
    """A value of builtins as a type that msgspec knows; numbers are finite and nothing is made of a text. Raises Invalid."""
    if isinstance(value, float) and not isfinite(value):
        raise Invalid("expected a finite number")
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _invalid(value, choices(kind), str(error)) from None


def inner(kind: Any) -> tuple[Any, Any]:
    """The type of a mapping's keys (None for a list) and the type of a mapping's or list's values (None for anything else)."""
    for each in _alternatives(kind):
        origin, args = get_origin(each), get_args(each)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return args[0], args[1]
        if isinstance(origin, type) and issubclass(origin, Sequence | set | frozenset) and args[1:] in ((), (...,)):
            return None, args[0]
    return None, None


def choices(kind: Any) -> list[str]:
    """What a setting can be, where that can be listed."""
    return [str(choice) for each in _alternatives(kind) if get_origin(each) is Literal for choice in get_args(each)]


def _alternatives(kind: Any) -> list[Any]:
    """The parts of a union, without annotations."""
    if get_origin(kind) is Annotated:
        return _alternatives(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return [part for each in get_args(kind) for part in _alternatives(each)]
    return [kind]


def _invalid(value: Any, listed: list[str], text: str) -> Invalid:
    if listed:
        meant = close_to(value, listed) if isinstance(value, str) else None
        return Invalid(f"expected {' or '.join(filter(None, (', '.join(listed[:-1]), listed[-1])))}", meant)
    text = _DURATION.sub(lambda match: f" like 30s: a number and one of {match[1].replace('|', ', ')}", text)
    match = _EXPECTED.fullmatch(text)
    if not match:
        return Invalid(f"{text[:1].lower()}{text[1:]}")
    names = " or ".join(_WORDS.get(name, name) for name in match[1].split(" | "))
    return Invalid(f"expected {names}{match[2]}")
