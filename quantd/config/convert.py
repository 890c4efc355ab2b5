"""Converts values to the types of settings; errors are worded for the operator."""

import re
from collections.abc import Mapping, Sequence
from math import isfinite
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from quantd.config.yaml12 import scalar
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
_BEGINNING = re.compile(r" matching regex '\^(\w*)(?:(?<=\w)(\w)\?)?([:/]+)'")
_DURATION = re.compile(r" matching regex '\^(?:\\\\d\+|\[1-9\]\\\\d\*)\(([a-z|]+)\)\$'")


class Invalid(ValueError):
    """A value does not have the expected type; the text says what was expected."""

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.suggestion = suggestion


def convert(value: Any, kind: Any) -> Any:
    """Convert a value of built-in types to a type that msgspec knows. Numbers must be finite, and no text is converted to another type.
    Raises Invalid."""
    if isinstance(value, float) and not isfinite(value):
        raise Invalid("expected a finite number")
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _invalid(value, kind, str(error)) from None


def fitted(value: Any, text: str, kind: Any) -> Any:
    """Convert a value from the environment: its `text` if the type accepts that, else the value that YAML makes of it. `value` is the
    latter unless it is a text itself. Raises Invalid."""
    if fits(text, kind):
        return text
    if isinstance(value, (dict, list)):
        return value
    try:
        other = scalar(text) if isinstance(value, str) else value
    except ValueError as error:
        raise Invalid(str(error)) from None
    return text if _takes_text(kind) and not fits(other, kind) else other


def fits(value: Any, kind: Any) -> bool:
    """Return whether a value is of a type."""
    try:
        convert(value, kind)
    except Invalid:
        return False
    return True


def may_stand(default: Any, kind: Any) -> bool:
    """Return whether a default may be written in a file: an empty text stands for none if the type allows no empty text."""
    return default != "" or fits(default, kind)


def _takes_text(kind: Any) -> bool:
    literals = [choice for each in _alternatives(kind) if get_origin(each) is Literal for choice in get_args(each)]
    return str in _alternatives(kind) or any(isinstance(choice, str) for choice in literals)


def kinds(kind: Any) -> dict[str, Any]:
    """Return the types of a struct's fields by their names in a config; an empty dict for any other type."""
    structs = [each for each in _alternatives(kind) if isinstance(each, type) and issubclass(each, msgspec.Struct)]
    return {field.encode_name: field.type for each in structs for field in msgspec.structs.fields(each)}


def inner(kind: Any) -> tuple[Any, Any]:
    """Return the type of a mapping's keys (None for a list) and the type of a mapping's or list's values (None for any other type)."""
    for each in _alternatives(kind):
        origin, args = get_origin(each), get_args(each)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return args[0], args[1]
        if isinstance(origin, type) and issubclass(origin, Sequence | set | frozenset) and args[1:] in ((), (...,)):
            return None, args[0]
    return None, None


def choices(kind: Any) -> list[str]:
    """Return the values that a setting can have, if they can be listed."""
    return [str(choice) for each in _alternatives(kind) if get_origin(each) is Literal for choice in get_args(each)]


def _alternatives(kind: Any) -> list[Any]:
    """Return the members of a union, without annotations."""
    if get_origin(kind) is Annotated:
        return _alternatives(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return [part for each in get_args(kind) for part in _alternatives(each)]
    return [kind]


def _invalid(value: Any, kind: Any, text: str) -> Invalid:
    listed = choices(kind)
    if listed:
        meant = close_to(value, listed) if isinstance(value, str) else None
        return Invalid(f"expected {' or '.join(filter(None, (', '.join(listed[:-1]), listed[-1])))}", meant)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and str in _alternatives(kind):
        return _unquoted(value, kind)
    text = _DURATION.sub(lambda match: f" like 30s: a number and one of {match[1].replace('|', ', ')}", text)
    match = _EXPECTED.fullmatch(text)
    if not match:
        return Invalid(f"{text[:1].lower()}{text[1:]}")
    names = " or ".join(_WORDS.get(name, name) for name in match[1].split(" | "))
    keys = choices(inner(kind)[0]) if match[1] == "object" else []
    of = f" of {', '.join(keys)}" if keys else ""
    return Invalid(f"expected {names}{of}{_began(match[2])}")


def _unquoted(value: Any, kind: Any) -> Invalid:
    """Return the error for a number where a text is wanted; if its text would be invalid too, the error says why."""
    try:
        msgspec.convert(str(value), kind)
    except msgspec.ValidationError as error:
        return _invalid(str(value), kind, str(error))
    return Invalid("expected a text")


def _began(rest: str) -> str:
    """Return in words how a text that matches a pattern begins."""
    match = _BEGINNING.fullmatch(rest)
    if not match:
        return rest
    begin, maybe, more = match.groups()
    return f" that begins with {begin}{more} or {begin}{maybe}{more}" if maybe else f" that begins with {begin}{more}"
