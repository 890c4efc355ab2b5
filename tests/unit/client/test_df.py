"""Rows as data frames."""

import pandas as pd
import pytest

from quantd.client import AlertRow, BarRow, Hole, Lagged, PointRow, QualityRow, TradeRow, to_df

from .model import bar, trade, ts

POINT = PointRow(
    pair="A-B", every="1m", ts=ts(60), y=2.0, x=1.0, alpha=0.0, beta=2.0, beta_stderr=None, r2=0.9, n=60, spread=0.0, spread_mean=None,
    spread_std=None, zscore=None, corr=0.5, corr_returns=None, coverage=1.0, quality="complete", revision=0, reason="flat",
    metrics={"adf_stat": -2.5, "health": "broken"},
)  # fmt: skip


def test_bars_have_types_and_an_index_in_utc() -> None:
    frame = to_df([bar(1), Hole("bar", "why"), bar(2, revision=1), Lagged("bar", 3)])
    assert isinstance(frame.index, pd.DatetimeIndex)
    assert str(frame.index.tz) == "UTC"
    assert frame.index.name == "ts"
    assert frame.index[0] == pd.Timestamp(ts(1))
    kinds = {name: str(kind) for name, kind in frame.dtypes.items()}
    assert kinds["close"] == "float64"
    assert (kinds["revision"], kinds["trades"], kinds["first_id"]) == ("int64", "Int64", "Int64")
    assert kinds["quality"] == "category"
    assert frame["revision"].tolist() == [0, 1]
    assert frame["first_id"].isna().all()


def test_metrics_of_points_are_columns() -> None:
    frame = to_df([POINT])
    assert frame["adf_stat"].tolist() == [-2.5]
    assert frame["health"].tolist() == ["broken"]
    assert str(frame["zscore"].dtype) == "float64"
    assert frame["zscore"].isna().all()


def test_trades_have_booleans() -> None:
    assert str(to_df([trade(1)])["buyer_maker"].dtype) == "bool"


@pytest.mark.parametrize("given", [bar(1), trade(1), POINT], ids=["bars", "trades", "points"])
def test_an_empty_list_has_the_columns_and_types_of_its_rows(given: BarRow | TradeRow | PointRow) -> None:
    empty, full = to_df([], type(given)), to_df([given])
    assert empty.index.dtype == full.index.dtype
    assert empty.dtypes.to_dict() == {name: kind for name, kind in full.dtypes.items() if name in empty}
    assert len(empty.columns) >= 5


def test_an_empty_list_alone_has_its_index() -> None:
    assert str(to_df([]).index.dtype).endswith("UTC]")


def test_other_times_are_times_too() -> None:
    alert = AlertRow("id", "rule", "high", "A-B", "firing", "zscore", 1.0, 2.0, ts(0), ts(1), None, "text")
    frame = to_df([alert])
    assert frame["since"].iloc[0] == pd.Timestamp(ts(0))
    assert frame["bar"].isna().all()


def test_rows_without_a_time_have_numbers_as_index() -> None:
    row = QualityRow("BTCUSDT", "live", 1, ts(3), 9, 0, 0, 0, 0, 0, 0, None, 1.5, [], [])
    frame = to_df([row])
    assert frame.index.tolist() == [0]
    assert frame["last_tick"].iloc[0] == pd.Timestamp(ts(3))


def test_rows_of_two_types_are_refused() -> None:
    with pytest.raises(TypeError, match="BarRow and TradeRow"):
        to_df([bar(1), trade(1)])
