from typing import Any

import msgspec

from quantd.rows import COLUMNS, cells
from quantd.testing import fakes


def test_every_column_is_a_value_of_the_row() -> None:
    kinds: dict[str, Any] = {"ticks": fakes.ticks(1), "bars": fakes.bars(1), "points": fakes.points(1)}
    for kind, (row, *_) in kinds.items():
        held = {name: value for part in (row, getattr(row, "hedge", row)) for name, value in msgspec.structs.asdict(part).items()}
        found = dict(zip(COLUMNS[kind], cells(row, COLUMNS[kind]), strict=True))
        assert found == {name: str(held[name]).lower() if name == "buyer_maker" else held[name] for name in COLUMNS[kind]}


def test_metrics_come_by_name_and_what_is_not_there_is_empty() -> None:
    point = msgspec.structs.replace(fakes.points(1)[0], metrics={"adf_stat": -3.0, "state": "calm"})
    assert cells(point, ("ts", "state", "adf_stat", "half_life")) == [fakes.START, "calm", -3.0, None]


def test_no_metric_takes_the_place_of_a_column() -> None:
    (point,) = fakes.points(6)[5:]
    usurped = msgspec.structs.replace(point, metrics=dict.fromkeys(COLUMNS["points"], "mine"))
    assert cells(usurped, COLUMNS["points"]) == cells(point, COLUMNS["points"])
