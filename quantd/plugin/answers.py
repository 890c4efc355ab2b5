"""Checks what a plugin returns. An invalid value raises WrongAnswer, which names the plugin's line.

These are called inside of a guard, so that a wrong answer is one of the plugin's faults."""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar, TypeVarTuple

import msgspec
import numpy as np

from quantd.model import Bar, Event, Hedge, Tick
from quantd.plugin.base import DaemonView
from quantd.plugin.blame import WrongAnswer
from quantd.stats.columns.hedges import HedgeColumns

Args = TypeVarTuple("Args")
Row = TypeVar("Row", Bar, Tick)
_KINDS = {"n": "iu", "known": "b"}
"""numpy's kinds of the columns that do not hold floats."""


def hedge(method: Callable[..., Hedge | None], answer: object) -> Hedge | None:
    """Return the answer of `method` if it is None or a Hedge of finite numbers. Raises WrongAnswer."""
    if answer is None:
        return None
    if not isinstance(answer, Hedge):
        raise WrongAnswer(method, answer, "a quantd.Hedge, or None where there is no answer")
    answer = _plain(answer)
    numbers = (answer.alpha, answer.beta, answer.stderr, answer.r2, answer.innovation, answer.innovation_std, answer.weight)
    if not all(each is None or _is_number(each) for each in numbers):
        raise WrongAnswer(method, answer, "floats that are finite, or None where there is no answer")
    return answer


def hedges(method: Callable[..., object], ask: Callable[[], HedgeColumns], size: int) -> HedgeColumns:
    """Return the hedges of `size` pairs that `ask` gets from `method`, if their numbers are finite. Raises WrongAnswer."""
    answer = ask()
    if not isinstance(answer, HedgeColumns) or not all(_is_column(answer, name, size) for name in HedgeColumns.__struct_fields__):
        wanted = "`known` of bools, `n` of ints, the others of floats"
        raise WrongAnswer(method, answer, f"a quantd.HedgeColumns, each column an array of the shape ({size},), {wanted}")
    sums = answer.alpha + answer.beta + answer.weight
    odd = ~np.isfinite(sums) | np.isinf([answer.stderr, answer.r2, answer.innovation, answer.innovation_std]).any(axis=0)
    if (odd & answer.known).any():
        raise WrongAnswer(method, answer.hedge(int(np.flatnonzero(odd & answer.known)[0])), "floats that are finite, or NaN for None")
    return answer


def _is_column(answer: HedgeColumns, name: str, size: int) -> bool:
    column: object = getattr(answer, name)
    return isinstance(column, np.ndarray) and column.shape == (size,) and column.dtype.kind in _KINDS.get(name, "f")


def _plain(answer: Hedge) -> Hedge:
    """Return the hedge with Python's numbers in place of numpy's, which JSON cannot encode."""
    numbers = {name: value.item() for name, value in msgspec.structs.asdict(answer).items() if isinstance(value, np.generic)}
    return msgspec.structs.replace(answer, **numbers) if numbers else answer


def bars(method: Callable[[*Args], list[Bar]], *args: *Args) -> list[Bar]:
    """Return what a resampler's `method` returns, checked."""
    answer = method(*args)
    if not isinstance(answer, list) or not all(isinstance(each, Bar) for each in answer):
        raise WrongAnswer(method, answer, "a list of quantd.Bar")
    return answer


def packed(method: Callable[[], bytes | None]) -> bytes | None:
    """Return what `state` returns, checked."""
    answer = method()
    if answer is not None and not isinstance(answer, bytes):
        raise WrongAnswer(method, answer, "bytes, or None where nothing is carried over")
    return answer


def counts(method: Callable[[DaemonView], Mapping[str, float | None]], view: DaemonView) -> Mapping[str, float | None]:
    """Return what a daemon-wide job returns, checked."""
    answer = method(view)
    if not isinstance(answer, Mapping) or not all(isinstance(key, str) and _is_count(value) for key, value in answer.items()):
        raise WrongAnswer(method, answer, "a mapping of names to numbers, {} where there is nothing to tell")
    return answer


def batch(method: Callable[..., object], answer: Sequence[Event]) -> Sequence[Event]:
    """Return a batch that a feed's `stream` yielded, checked."""
    if not isinstance(answer, Sequence):
        raise WrongAnswer(method, answer, "batches: yield a list of events, be it of one")
    return answer


async def rows(kind: type[Row], method: Callable[[*Args], Awaitable[list[Row]]], *args: *Args) -> list[Row]:
    """Return the past rows that a feed's `method` returns, checked."""
    answer = await method(*args)
    if not isinstance(answer, list) or not all(isinstance(each, kind) for each in answer):
        raise WrongAnswer(method, answer, f"a list of quantd.{kind.__name__}, [] where there are none")
    return answer


def _is_count(value: object) -> bool:
    return value is None or _is_number(value) or (isinstance(value, np.generic) and _is_number(value.item()))


def _is_number(value: object) -> bool:
    try:
        return isinstance(value, (int, float)) and math.isfinite(value)
    except OverflowError:  # an int too large for a float
        return False
