"""The parts of a condition. `str` of each is a text that `parse` reads back."""

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

Operator = Literal[">", "<", ">=", "<=", "==", "!="]


class Term(Struct, frozen=True):
    """A number or word that a rule looks at.

    `of` is `y` or `x` for a leg of the pair, and empty for what the rule watches. With `bars`, the term is the percentage by which the
    metric has moved over that many bars. With `absolute` it is the absolute value.
    """

    metric: str
    of: str = ""
    bars: int = 0
    absolute: bool = False

    def __str__(self) -> str:
        name = f"{self.metric} of {self.of}" if self.of else self.metric
        moved = f"move({name}, {self.bars})" if self.bars else name
        return f"abs({moved})" if self.absolute else moved


class Compare(Struct, frozen=True):
    """`term op value`; `state == name` or `state != name` if the term is a word."""

    term: Term
    op: Operator
    value: float | str

    def __str__(self) -> str:
        return f"{self.term} {self.op} {self.value if isinstance(self.value, str) else number(self.value)}"


class Cross(Struct, frozen=True):
    """`term crosses above value`: holds from the moment when the value passes the level until it comes back. A value that is beyond the
    level when it is first seen has not crossed."""

    term: Term
    side: Literal["above", "below"]
    value: float

    def __str__(self) -> str:
        return f"{self.term} crosses {self.side} {number(self.value)}"


class Channel(Struct, frozen=True):
    """`term inside low..high`, both ends included, or `term outside low..high`, its opposite."""

    term: Term
    side: Literal["inside", "outside"]
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.term} {self.side} {number(self.low)}..{number(self.high)}"


Clause = Compare | Cross | Channel


class All(Struct, frozen=True):
    """Parts joined by `and`."""

    parts: tuple["Condition", ...]

    def __str__(self) -> str:
        return " and ".join(f"({part})" if isinstance(part, Either) else str(part) for part in self.parts)


class Either(Struct, frozen=True):
    """Parts joined by `or`."""

    parts: tuple["Condition", ...]

    def __str__(self) -> str:
        return " or ".join(str(part) for part in self.parts)


Condition = Clause | All | Either


def clauses(condition: Condition) -> Iterator[Clause]:
    """Yield the clauses of a condition, in the order in which they are written."""
    if isinstance(condition, All | Either):
        for part in condition.parts:
            yield from clauses(part)
    else:
        yield condition


def compounds(condition: Condition) -> Iterator[All | Either]:
    """Yield the parts of a condition that join others, each after those within it."""
    if isinstance(condition, All | Either):
        for part in condition.parts:
            yield from compounds(part)
        yield condition


def number(value: float) -> str:
    """Return a number as it is written in a condition.

    >>> number(2.0), number(-0.25)
    ('2', '-0.25')
    """
    return repr(value).removesuffix(".0")
