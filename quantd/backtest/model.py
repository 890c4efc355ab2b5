"""The structs of a backtest. Times are milliseconds (UTC), and money is in the quote currency."""

from typing import Literal

from msgspec import Struct

from quantd.model import Prices, Spread
from quantd.stats import FloatArray
from quantd.stats.backtest import Rules
from quantd.stats.performance import Summary
from quantd.stats.positions import Deal
from quantd.stats.zscore import ZScore

Side = Literal["long", "short"]


class Settings(Struct, frozen=True, kw_only=True):
    """The settings of a backtest: how the z-score was made, and by which rules it was traded."""

    pair: str
    every: str
    window: int
    regression: str
    rules: Rules
    prices: Prices = "raw"
    spread: Spread = "hedge"
    zscore: ZScore = ZScore()
    beta: float | None = None
    """The hedge ratio, where the hedge is fixed; `alpha` likewise. None where it is not fixed, or not given."""
    alpha: float | None = None
    split: float | None = None
    """The share of the tested time that is in-sample; None where all is one sample."""

    def __post_init__(self) -> None:
        demand_split(self.split)


def demand_split(split: float | None) -> None:
    """Raise ValueError, whose text begins with `split`, for a share that leaves nothing on one side."""
    if split is not None and not 0 < split < 1:
        raise ValueError(f"split: expected a number between 0 and 1, found {split:g}")


class Halves(Struct, frozen=True):
    """The two parts of a tested time, each traded for itself: a position that is open at the end of the first is closed there, with costs,
    and the second begins without one."""

    at: int
    """The open time of the first bar of the second part."""
    in_sample: Summary
    out_of_sample: Summary


class Trade(Deal, frozen=True, kw_only=True, gc=False):
    """One position. Of a long one the spread was bought. It was decided on at the close before `entered`."""

    side: Side
    entered: int
    exited: int


class DataQuality(Struct, frozen=True):
    """The quality of the bars from the first z-score on."""

    start: int | None
    """The open time of the first bar; None without any bar."""
    end: int | None
    """When the last bar closed."""
    gap: int
    """How many bars lack trades of either leg: no entry is decided or filled on them."""
    partial: int
    """How many bars were not watched from beginning to end."""
    holes: int
    """How often one or more bars are missing altogether: no entry is filled on the bar after such a hole."""
    missing: int
    """How many bars are missing in these holes."""
    unusable: int
    """How many bars were left out because a price cannot be true."""
    without_zscore: dict[str, int]
    """How many bars gave no signal, by reason."""
    lapsed: int
    """How many entries were decided on and not filled: for one of these reasons, because a leg did not trade, or because the data ended."""


class Backtest(Struct, frozen=True):
    """The result of a backtest. Columns have the shape (bars,), and NaN where there is no value."""

    settings: Settings
    summary: Summary
    quality: DataQuality
    trades: list[Trade]
    ts: list[int]
    """The open times of the bars."""
    equity: FloatArray
    """The money made up to each close."""
    zscore: FloatArray
    zscore_held: FloatArray
    """The z-score of the position that is open at the close, by the beta, mean and std that it was entered with."""
    spread: FloatArray
    middle: FloatArray
    """What the z-score measures the spread from."""
    deviation: FloatArray
    """The unit in which the z-score measures that distance."""
    halves: Halves | None = None
    """Both parts, where there is a `split`. All other fields are of the whole time."""
