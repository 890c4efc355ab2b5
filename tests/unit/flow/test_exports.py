"""Rows go to the exporters that take their kind; one that fails leaves the others alone."""

import pytest

import quantd
from quantd.clock import EventClock
from quantd.flow.exports import Export, Exports, Rows
from quantd.plugin.guard import Guard
from quantd.supervision.troubles import Troubles
from quantd.testing import fakes
from quantd.testing.bench import KeptRows

CLOCK = EventClock(1_000)


class Broken(KeptRows):
    """Fails at each write."""

    def write(self, kind: object, rows: object) -> None:
        raise ValueError("no such row")


class Full(KeptRows):
    """Its disk is full at first."""

    full = True

    def write(self, kind: quantd.RowKind, rows: Rows) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        super().write(kind, rows)


def export(exporter: quantd.Exporter, troubles: Troubles | None = None) -> Export:
    return Export(exporter, Guard("exporter", "keep", CLOCK), CLOCK, troubles or Troubles(CLOCK))


def test_each_exporter_takes_its_kinds_in_order() -> None:
    bars, both, broken = KeptRows(kinds=("bars",)), KeptRows(kinds=("bars", "points")), Broken(kinds=("bars",))
    exports = Exports([export(each) for each in (broken, bars, both)])
    rows = fakes.bars(4)
    for start in (0, 2):
        exports.write("bars", rows[start : start + 2])
    exports.write("points", fakes.points(3))
    exports.write("ticks", fakes.ticks(3))
    exports.write("bars", [])
    assert bars.rows == {"ticks": [], "bars": rows, "points": []}
    assert both.rows == {"ticks": [], "bars": rows, "points": fakes.points(3)}


def test_rows_that_a_full_disk_does_not_take_are_written_later_in_order() -> None:
    troubles, rows = Troubles(CLOCK), fakes.bars(9)
    exporter = Full(kinds=("bars", "points"))
    exports = Exports([export(exporter, troubles)])
    for number in range(4):
        exports.write("bars", rows[number : number + 1])
    exports.write("points", fakes.points(2))
    (trouble,) = troubles.present()
    assert (trouble.what, trouble.name) == ("disk", "exporter keep")
    assert trouble.text == "cannot write: [Errno 28] No space left on device; 1 rows wait in memory, 0 were dropped: see to its disk"
    exporter.full = False
    CLOCK.advance_to(CLOCK.now() + 1_000)
    exports.write("bars", rows[4:])
    assert (exporter.rows["bars"], exporter.rows["points"]) == (rows, fakes.points(2))
    assert troubles.present() == []


def test_what_waits_is_written_when_it_is_closed_and_the_oldest_of_too_much_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantd.flow.exports._MOST_WAITING", 3)
    exporter = Full(kinds=("bars",))
    line = export(exporter)
    for number in range(5):
        line.write("bars", fakes.bars(5)[number : number + 1])
    exporter.full = False
    line.close()
    assert (line.dropped, exporter.rows["bars"]) == (2, fakes.bars(5)[2:])


def test_what_waits_of_a_pair_is_written_before_it_is_let_go_of_and_a_fault_of_that_harms_nobody() -> None:
    class Files(Full):
        """Holds something for each pair."""

        def release(self, name: str) -> None:
            released.append((name, len(self.rows["bars"])))
            raise ValueError("no such file")

    released: list[tuple[str, int]] = []
    troubles, exporter = Troubles(CLOCK), Files(kinds=("bars",))
    line = export(exporter, troubles)
    line.write("bars", fakes.bars(2))
    exporter.full = False
    line.release("S")
    assert released == [("S", 2)]
    line.write("bars", fakes.bars(3)[2:])
    assert exporter.rows["bars"] == fakes.bars(3)


@pytest.mark.parametrize("error", [SystemExit(3), ValueError("no")])
def test_an_exporter_that_cannot_begin_is_named_with_its_line(error: BaseException) -> None:
    class Unopened(KeptRows):
        """Fails at once."""

        def open(self, metrics: object) -> None:
            raise error

    with pytest.raises(quantd.QuantdError, match=rf"exporter keep cannot begin: {type(error).__name__}: .*test_exports.py:\d+ in open"):
        export(Unopened()).open([])
