"""Revision numbers of rebuilt rows."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from quantd.model import Bar, PairPoint

Row = TypeVar("Row", Bar, PairPoint)


def next_revisions(rows: Sequence[Row], known: Mapping[int, Row]) -> list[Row]:
    """Return the rows to issue, given the rows `known` by time (ms):

    not known                                 issued under revision 0
    known, and equal                          dropped
    known, and different                      issued under the revision after the known one
    """
    fresh = []
    for row in rows:
        old = known.get(row.ts)
        revision = 0 if old is None else old.revision
        if old is None or msgspec.structs.replace(row, revision=revision) != old:
            fresh.append(msgspec.structs.replace(row, revision=revision + (old is not None)))
    return fresh
