"""Errors that an operator reads: what is wrong, where, and what to do."""

import sqlite3
from collections.abc import Callable, Collection
from difflib import get_close_matches
from typing import ClassVar, TypeVar

from msgspec import Struct

Given = TypeVar("Given")
Made = TypeVar("Made")


class QuantdError(Exception):
    """Something the operator can mend; its text says what, where and what to do. The CLI prints it without a traceback, and exits with
    `exit_code`: 2 where the config or the command line is wrong, otherwise one of sysexits.h."""

    exit_code: ClassVar[int] = 2
    suggestion: str | None = None
    """What was probably meant."""


class StateUnusable(QuantdError):
    """Files of the state or a store cannot be opened, read or written for now: permissions, a read-only file system, a full disk."""

    exit_code = 74  # EX_IOERR


class StateLocked(QuantdError):
    """Another process uses the state."""

    exit_code = 75  # EX_TEMPFAIL


class StateNewer(QuantdError):
    """A later version has written the state or the store."""

    exit_code = 78  # EX_CONFIG


def unforeseen(error: BaseException) -> bool:
    """Whether an error is none that a disk, a network, a feed or a store is expected to raise, so that its traceback helps."""
    return not isinstance(error, QuantdError | OSError | sqlite3.Error)


def checked(what: str, read: Callable[[Given], Made], given: Given) -> Made:
    """What `read` makes of what was given; its ValueError as a QuantdError that names `what` is wrong, such as an option."""
    try:
        return read(given)
    except ValueError as error:
        wrong = QuantdError(f"{what}: {error}")
        wrong.suggestion = getattr(error, "suggestion", None)
        raise wrong from None


class Mistake(Struct, frozen=True):
    """One mistake in a config file; what stands in no file, like a command's option, is at line 0.

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
    """The word that was probably meant.

    >>> close_to("Windwo", ["window", "prices"])
    'window'
    """
    by_lower = {each.lower(): each for each in words}
    found = get_close_matches(word.lower(), list(by_lower), 1)
    return by_lower[found[0]] if found else None


class ConfigError(QuantdError):
    """Every mistake found in the config."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = mistakes
