"""Rows that survive a restart."""

import logging

import pytest

from quantd.flow.alerts.firing import Ack
from quantd.flow.alerts.kept_table import KeptTable


def table(**rows: Ack) -> KeptTable[Ack]:
    made = KeptTable("ack", Ack)
    for key, row in rows.items():
        made.put(key, row)
    return made


def test_what_has_changed_is_written_and_taken_up() -> None:
    first = table(a=Ack(1, "ann"), b=Ack(2))
    stored = {name: blob for name, blob in first.unsaved.items() if blob}
    assert sorted(stored) == ["ack/a", "ack/b"]
    first.saved()
    first.put("a", Ack(1, "ann"))
    first.put("c", None)
    assert first.unsaved == {}
    first.put("b", None)
    assert first.unsaved == {"ack/b": None}
    second = table()
    second.restore(stored | {"other/a": b"{}"})
    assert dict(second) == {"a": Ack(1, "ann"), "b": Ack(2)}
    assert second.unsaved == {}


def test_a_broken_row_is_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    broken = table()
    with caplog.at_level(logging.ERROR):
        broken.restore({"ack/a": b'{"until": "x"}', "ack/b": b'{"until": 3}'})
    assert "ack/a is broken and forgotten" in caplog.text
    assert dict(broken) == {"b": Ack(3)}
    assert broken.unsaved == {"ack/a": None}
