"""Errors for the operator: what is wrong, where, and what to do."""

import sqlite3
from collections.abc import Callable, Collection
from difflib import get_close_matches
from typing import ClassVar, TypeVar

from msgspec import Struct

Given = TypeVar("Given")
Made = TypeVar("Made")


class QuantdError(Exception):
    """An error that the operator can fix. Its text says what is wrong, where, and what to do. The CLI prints it without a traceback and
    exits with `exit_code`: 2 if the config or the command line is wrong, otherwise one of sysexits.h."""

    exit_code: ClassVar[int] = 2
    suggestion: str | None = None
    """The probably intended word."""


class StateUnusable(QuantdError):
    """Raised if files of the state or a store cannot be opened, read or written for now: permissions, a read-only file system, a full
    disk."""

    exit_code = 74  # EX_IOERR


class StateLocked(QuantdError):
    """Raised if another process uses the state."""

    exit_code = 75  # EX_TEMPFAIL


class StateNewer(QuantdError):
    """Raised if a later version has written the state or the store."""

    exit_code = 78  # EX_CONFIG


class Retry(QuantdError):
    """Raised by a sink whose destination asks for the next attempt after some seconds, `after`."""

    exit_code = 75  # EX_TEMPFAIL

    def __init__(self, after: float, text: str = "") -> None:
        super().__init__(text or f"asked to come again in {after:g} s")
        self.after = after


class Refused(QuantdError):
    """Raised by a sink whose destination has refused an alert for good: no further attempt can succeed."""

    exit_code = 69  # EX_UNAVAILABLE


def unforeseen(error: BaseException) -> bool:
    """Return whether an error is unexpected, so that its traceback helps. Errors that disks, networks, feeds or stores commonly raise are
    expected."""
    return not isinstance(error, QuantdError | OSError | sqlite3.Error)


def checked(what: str, read: Callable[[Given], Made], given: Given) -> Made:
    """Return what `read` makes of `given`. Its ValueError becomes a QuantdError which says that `what`, such as an option, is wrong."""
    try:
        return read(given)
    except ValueError as error:
        wrong = QuantdError(f"{what}: {error}")
        wrong.suggestion = getattr(error, "suggestion", None)
        raise wrong from None


class Mistake(Struct, frozen=True):
    """One mistake in a config file. A mistake outside of files, as in a command's option, has line 0.

    >>> print(Mistake("quantd.yaml", 3, 5, "pairs[0]", "unknown pipeline 'kalmann'", "kalman"))
    quantd.yaml:3:5: pairs[0]: unknown pipeline 'kalmann' (did you mean 'kalman'?)
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    suggestion: str | None = None

    def __str__(self) -> str:
        hint = f" (did you mean {self.suggestion!r}?)" if self.suggestion else ""
        where = f"{self.path}: " if self.path else ""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {where}{self.message}{hint}"


def close_to(word: str, words: Collection[str]) -> str | None:
    """Return the word that was probably meant; None if none is close.

    >>> close_to("Windwo", ["window", "prices"])
    'window'
    """
    by_lower = {each.lower(): each for each in words}
    found = get_close_matches(word.lower(), list(by_lower), 1)
    return by_lower[found[0]] if found else None


class ConfigError(QuantdError):
    """Raised with every mistake found in the config."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = mistakes
