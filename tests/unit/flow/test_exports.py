"""Rows go to the exporters that take their kind; one that fails leaves the others alone."""

from quantd.clock import EventClock
from quantd.flow.exports import Exports
from quantd.plugin.guard import Guard
from quantd.testing import fakes
from tests.unit.flow.test_pipeline import Keep


class Broken(Keep):
    """Fails at each write."""

    def write(self, kind: object, rows: object) -> None:
        raise OSError("disk full")


def test_each_exporter_takes_its_kinds_in_order() -> None:
    bars, both, broken = Keep(kinds=("bars",)), Keep(kinds=("bars", "points")), Broken(kinds=("bars",))
    exports = Exports([(each, Guard("exporter", "keep", EventClock())) for each in (broken, bars, both)])
    rows = fakes.bars(4)
    for start in (0, 2):
        exports.write("bars", rows[start : start + 2])
    exports.write("points", fakes.points(3))
    exports.write("ticks", fakes.ticks(3))
    exports.write("bars", [])
    assert bars.rows == {"ticks": [], "bars": rows, "points": []}
    assert both.rows == {"ticks": [], "bars": rows, "points": fakes.points(3)}
