"""A condition may name numbers of a leg, of a symbol, and of bars before."""

from typing import Any

import msgspec
import pytest

from quantd.conditions.parse import parse_condition
from quantd.flow.alerts.inputs import Inputs
from quantd.history.history import History
from quantd.model import BookBar
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.timeframes import MINUTE


def history() -> History:
    """A history of two legs, their pair, their trades, and the funding rate of one."""
    made = History(None)
    for symbol, closes in (("Y", [100.0, 110.0, 99.0]), ("X", [10.0, 10.0, 8.0])):
        made.put_bars(fakes.flat_bars(closes, symbol=symbol))
        made.put_ticks(symbol, [fakes.tick(symbol, 1, 3 * MINUTE + 5_000, closes[0] * 2, delay=40)])
    made.put_points(
        [msgspec.structs.replace(point, zscore=z) for point, z in zip(fakes.points(3, pair="Y-X"), (-2.0, 1.0, 3.0), strict=True)]
    )
    rates: list[float | None] = [1e-4, None]
    keys: dict[str, Any] = dict.fromkeys(BookBar.__struct_fields__)
    made.put_books(
        BookBar(**keys | {"symbol": "Y", "every": "1m", "ts": START + at * MINUTE, "funding_rate": rate}) for at, rate in enumerate(rates)
    )
    return made


def term(text: str) -> Any:
    return parse_condition(f"{text} > 0").term  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[("zscore", 3.0), ("abs(zscore)", 3.0), ("move(zscore, 2)", 250.0), ("price of y", 99.0), ("close of X", 8.0)],
        *[("move(price of y, 1)", -10.0), ("abs(move(price of y, 1))", 10.0), ("volume of x", 1.0), ("move(price of x, 3)", None)],
        *[("latency of y", 40), ("funding of y", 1e-4), ("funding of x", None), ("nonsense", None)],
    ],
)
def test_of_a_point(text: str, value: float | None) -> None:
    past = history()
    values = Inputs(past).of_point(past.recent_points("Y-X", "1m")[2])
    found = values(term(text))
    assert found == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("zscore", 5.0),
        ("move(zscore, 1)", 100 * 2 / 3),
        ("price of y", 200.0),
        ("volume of y", 1.0),
        ("move(price of y, 1)", 100 * 101 / 99),
    ],
)
def test_of_a_now_cast(text: str, value: float) -> None:
    past = history()
    point = msgspec.structs.replace(past.recent_points("Y-X", "1m")[2], ts=START + 3 * MINUTE + 7_000, zscore=5.0, provisional=True)
    assert Inputs(past).of_nowcast(point)(term(text)) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("price", 50.0), ("volume", 1.0), ("latency", 7), ("move(price, 1)", 100 * -49 / 99), ("abs(move(price, 2))", 100 * 60 / 110)],
)
def test_of_a_trade(text: str, value: float) -> None:
    tick = fakes.tick("Y", 2, 3 * MINUTE + 9_000, 50.0, delay=7)
    assert Inputs(history()).of_tick(tick, "1m")(term(text)) == pytest.approx(value)


def test_of_a_bar() -> None:
    past = history()
    values = Inputs(past).of_bar(past.recent_bars("X", "1m")[2])
    assert [values(term(text)) for text in ("price", "trades", "coverage", "move(price, 2)")] == [8.0, 1, 1.0, pytest.approx(-20.0)]


def test_without_a_history_there_is_only_the_point() -> None:
    (point,) = fakes.points(6, pair="Y-X")[5:]
    values = Inputs().of_point(point)
    assert values(term("zscore")) == point.zscore
    assert [values(term(text)) for text in ("price of y", "move(zscore, 1)", "latency of x")] == [None, None, None]
