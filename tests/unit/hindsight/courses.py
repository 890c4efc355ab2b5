"""Courses of a z-score whose crossings are known."""

from collections.abc import Sequence

from msgspec.structs import replace

from quantd.conditions.parse import parse_condition
from quantd.config.rules import Rule
from quantd.flow.alerts.rule import AlertRule
from quantd.model import DEFINITION, Hedge, PairPoint
from quantd.testing.fakes import START
from quantd.timeframes import MINUTE

PAIR = "Y-X"


def rule(when: str = "abs(zscore) > 2", **keys: object) -> AlertRule:
    made = Rule(name="stretched", when=parse_condition(when), every="1m", **keys)  # type: ignore[arg-type]
    return AlertRule("Y-X/stretched", made, PAIR, "Y-X stretched")


def points(zscores: Sequence[float | None], start: int = START, coverage: float = 1.0) -> list[PairPoint]:
    hedge, more = Hedge(0.0, 2.0, 60), (0.9, coverage, "complete")
    rows = [PairPoint(PAIR, "1m", start + at * MINUTE, 100.0, 50.0, hedge, 0.0, z, *more) for at, z in enumerate(zscores)]  # type: ignore[arg-type]
    return [replace(row, definition=DEFINITION) for row in rows]


def end_of(at: int) -> int:
    """The end of the bar at this place."""
    return START + (at + 1) * MINUTE
