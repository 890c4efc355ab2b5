"""Columns of bars hold what their structs hold."""

from msgspec.structs import replace

from quantd.columns.bars import BarColumns
from quantd.model import Bar
from quantd.testing import fakes


def bars() -> list[Bar]:
    made = fakes.bars(12)
    made[3] = replace(made[3], trades=None, taker_buy_volume=None, quality="imported", revision=7)
    made[4] = replace(made[4], first_id=0, last_id=2**62, state=b"state", quality="gap")
    return made


def test_the_structs_of_columns_equal_those_that_they_were_made_of() -> None:
    columns = BarColumns.of("BTCUSDT", "1m", bars())
    assert list(columns) == bars()
    assert [columns[at] for at in range(-12, 12)] == bars() * 2
    assert list(columns[2:7]) == bars()[2:7]
    assert list(columns.take([4, 1])) == [bars()[4], bars()[1]]
    assert columns.column("close").tolist() == [bar.close for bar in bars()]
    assert list(BarColumns.of("BTCUSDT", "1m", [])) == []


def test_the_bytes_of_bars_are_equal_if_the_bars_are() -> None:
    again = [replace(bar, close=bar.close + 1) if at == 5 else bar for at, bar in enumerate(bars())]
    alike = [one == other for one, other in zip(BarColumns.of("", "", bars()).raw(), BarColumns.of("", "", again).raw(), strict=True)]
    assert alike == [at != 5 for at in range(12)]
