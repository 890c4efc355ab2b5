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
    """The settings of a backtest: how the z-score was computed, and by which rules it was traded."""

    pair: str
    every: str
    window: int
    regression: str
    rules: Rules
    prices: Prices = "raw"
    spread: Spread = "hedge"
    zscore: ZScore = ZScore()
    beta: float | None = None
    """Hedge ratio of a fixed hedge, as `alpha` is its intercept. None if the hedge is not fixed or the value is not given."""
    alpha: float | None = None
    split: float | None = None
    """Share of the tested time that is in-sample; None without a split."""

    def __post_init__(self) -> None:
        demand_split(self.split)


def demand_split(split: float | None) -> None:
    """Raise ValueError, with a text that begins with `split`, for a share that leaves nothing on one side."""
    if split is not None and not 0 < split < 1:
        raise ValueError(f"split: expected a number between 0 and 1, found {split:g}")


class Halves(Struct, frozen=True):
    """The two parts of a tested time, each traded separately. A position that is open at the end of the first part is closed there, with
    costs, and the second part begins without one."""

    at: int
    """Open time of the first bar of the second part."""
    in_sample: Summary
    out_of_sample: Summary


class Trade(Deal, frozen=True, kw_only=True, gc=False):
    """One trade. `long` means that the spread was bought. The entry was decided at the close before `entered`."""

    side: Side
    entered: int
    exited: int


class DataQuality(Struct, frozen=True):
    """The quality of the bars from the first z-score on."""

    start: int | None
    """Open time of the first bar; None without any bar."""
    end: int | None
    """Close time of the last bar."""
    gap: int
    """Number of bars that lack trades of either leg: no entry is decided or filled on them."""
    partial: int
    """Number of bars that were not observed from beginning to end."""
    holes: int
    """Number of holes, where one or more bars are missing altogether: no entry is filled on the bar after a hole."""
    missing: int
    """Number of bars missing in these holes."""
    unusable: int
    """Number of bars left out because of an impossible price."""
    without_zscore: dict[str, int]
    """Number of bars without a signal, by reason."""
    lapsed: int
    """Number of entries that were decided but not filled: for one of these reasons, because a leg did not trade, or because the data
    ended."""


class Backtest(Struct, frozen=True):
    """The result of a backtest. Columns have the shape (bars,), with NaN for missing values."""

    settings: Settings
    summary: Summary
    quality: DataQuality
    trades: list[Trade]
    ts: list[int]
    """Open times of the bars."""
    equity: FloatArray
    """Profit up to each close."""
    zscore: FloatArray
    zscore_held: FloatArray
    """Z-score of the position that is open at the close, by the beta, mean and std of its entry."""
    spread: FloatArray
    middle: FloatArray
    """Value from which the z-score measures the spread."""
    deviation: FloatArray
    """Unit of that distance."""
    halves: Halves | None = None
    """Both parts of a split, if there is one. All other fields cover the whole time."""
