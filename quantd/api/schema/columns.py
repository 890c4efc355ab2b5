"""Writes rows as JSON straight from columns: a column is encoded in one piece, and each time is printed once, however many series share
it."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import TypeVar, cast

from msgspec import Raw
from msgspec.json import Encoder

from quantd.times import iso

_encode = Encoder().encode
Numbers = Sequence[float | None]
T = TypeVar("T")


def heads(times: Iterable[int]) -> list[bytes]:
    """Return the beginnings of the rows of these times (ms), for `rows`.

    >>> heads([1_767_225_600_007])
    [b'},{"ts":"2026-01-01T00:00:00.007Z"']
    """
    return list(map(_head, times))


@lru_cache(maxsize=8192)
def _head(ts: int) -> bytes:
    return b'},{"ts":"%b"' % iso(ts).encode()


def rows(row: type[T], heads: Sequence[bytes], **columns: Numbers) -> list[T]:
    """Return rows in their encoded form, a `Raw`: a JSON array of objects, each with `ts` and a number of each column. A number that is not
    finite is null. `row` is the struct that a client may read each object as.

    >>> from quantd.api.schema.figures import MaybeValue
    >>> bytes(rows(MaybeValue, heads([0, 1]), value=[1.5, None]))
    b'[{"ts":"1970-01-01T00:00:00.000Z","value":1.5},{"ts":"1970-01-01T00:00:00.001Z","value":null}]'
    """
    return cast("list[T]", _rows(heads, columns))


def _rows(heads: Sequence[bytes], columns: Mapping[str, Numbers]) -> Raw:
    if not heads:
        return Raw(b"[]")
    width = 1 + 2 * len(columns)
    parts = [b""] * (width * len(heads))
    parts[::width] = heads
    for number, (name, values) in enumerate(columns.items()):
        parts[1 + 2 * number :: width] = repeat(b',"%b":' % name.encode(), len(heads))
        parts[2 + 2 * number :: width] = _encode(values)[1:-1].split(b",")
    return Raw(b"[%b}]" % b"".join(parts)[2:])
