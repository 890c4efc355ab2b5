"""The nouns of a backtest. Times are ms UTC, money is in the quote currency."""

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
    """What was tested: how the z-score was made, and what was made of it."""

    pair: str
    every: str
    window: int
    regression: str
    rules: Rules
    prices: Prices = "raw"
    spread: Spread = "hedge"
    zscore: ZScore = ZScore()
    beta: float | None = None
    """Of a hedge that is fixed, as is `alpha`; None where it is not, or they are left out."""
    alpha: float | None = None
    split: float | None = None
    """Share of the tested time that is in-sample; None where all is one sample."""

    def __post_init__(self) -> None:
        demand_split(self.split)


def demand_split(split: float | None) -> None:
    """Raises ValueError, beginning with `split`, for a share that leaves nothing on one side."""
    if split is not None and not 0 < split < 1:
        raise ValueError(f"split: expected a number between 0 and 1, found {split:g}")


class Halves(Struct, frozen=True):
    """The two parts of a tested time, each traded for itself: a position that is open at the end of the first is closed there, with costs,
    and the second begins without one."""

    at: int
    """Open time of the first bar of the second."""
    in_sample: Summary
    out_of_sample: Summary


class Trade(Deal, frozen=True, kw_only=True, gc=False):
    """One position; long: the spread was bought. It was decided on at the close before `entered`."""

    side: Side
    entered: int
    exited: int


class DataQuality(Struct, frozen=True):
    """What the bars were worth, from the first z-score on."""

    start: int | None
    """Open time of the first bar; None without any."""
    end: int | None
    """When the last one closed."""
    gap: int
    """Bars in which trades are known to be missing, of either leg: no entry is decided or filled on them."""
    partial: int
    """Bars that were not watched from beginning to end."""
    holes: int
    """Times that one or more bars are missing altogether: no entry is filled on the bar behind."""
    missing: int
    """Bars that are missing in these holes."""
    unusable: int
    """Bars left out for a price that is none."""
    without_zscore: dict[str, int]
    """Bars that gave no signal, by reason."""
    lapsed: int
    """Entries that were decided on and not filled: for one of these reasons, because a leg did not trade, or because the data ended."""


class Backtest(Struct, frozen=True):
    """The columns have the shape (bars,), NaN where there is no value."""

    settings: Settings
    summary: Summary
    quality: DataQuality
    trades: list[Trade]
    ts: list[int]
    """Open times."""
    equity: FloatArray
    """What has been made by each close."""
    zscore: FloatArray
    zscore_held: FloatArray
    """Of the position that is open at the close, by the beta, mean and std that it was entered with."""
    spread: FloatArray
    middle: FloatArray
    """What the z-score measures the spread from."""
    deviation: FloatArray
    """The unit that it measures in."""
    halves: Halves | None = None
    """With a `split`; all else is of the whole time."""
