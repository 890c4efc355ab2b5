"""Rows that survive a restart."""

import logging

import pytest

from quantd.flow.alerts.firing import Ack
from quantd.flow.alerts.kept_rows import KeptRows
from tests.unit.flow.alerts.tables import MemoryTable


def test_what_has_changed_is_written_and_read_again() -> None:
    kept = MemoryTable()
    rows = KeptRows(kept, Ack)
    rows.put("a", Ack(1, "ann"))
    rows.put("b", Ack(2))
    rows.put("a", Ack(1, "ann"))
    rows.put("c", None)
    rows.put("b", None)
    assert kept.written == ["a", "b", "b"]
    again = KeptRows(kept, Ack)
    assert (dict(again), len(again), again.get("a"), again.get("b")) == ({"a": Ack(1, "ann")}, 1, Ack(1, "ann"), None)


def test_a_broken_row_is_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    kept = MemoryTable({"a": b'{"until": "x"}', "b": b'{"until": 3}'})
    with caplog.at_level(logging.ERROR):
        assert dict(KeptRows(kept, Ack)) == {"b": Ack(3)}
    assert "the ack of a that was kept is broken and forgotten" in caplog.text
    assert list(kept) == ["b"]
