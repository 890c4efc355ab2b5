"""The answer of `/backtest`."""

from math import isfinite

from msgspec import Struct
from msgspec.structs import asdict

from quantd.api.schema.figures import Value
from quantd.api.schema.kinds import Time
from quantd.backtest import Backtest, Settings, Trade
from quantd.backtest.model import DataQuality, Side
from quantd.stats.performance import Summary
from quantd.stats.positions import Deal
from quantd.times import iso


class TestedQuality(Struct, frozen=True):
    """The quality of the bars from the first z-score on."""

    start: Time | None
    """Open time of the first bar; null without any bar."""
    end: Time | None
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
    """Number of entries that were decided but not filled."""


class TestedTrade(Deal, frozen=True, kw_only=True, gc=False):
    """One trade. `long` means that the spread was bought. The entry was decided at the close before `entered`."""

    side: Side
    entered: Time
    exited: Time


class BacktestAnswer(Struct, frozen=True):
    """The result of trading the z-score. `summary` covers the whole time; with a split, the two other summaries cover its parts."""

    pair: str
    settings: Settings
    summary: Summary
    split_at: Time | None
    """Beginning of the second part; null, as both summaries, without a split."""
    in_sample: Summary | None
    out_of_sample: Summary | None
    quality: TestedQuality
    trades: list[TestedTrade]
    equity: list[Value]
    """Profit up to each close."""


def backtest_answer(result: Backtest) -> BacktestAnswer:
    """Return all of a backtest, with times as text."""
    halves, curve = result.halves, zip(result.ts, result.equity.tolist(), strict=True)
    return BacktestAnswer(
        result.settings.pair,
        result.settings,
        result.summary,
        iso(halves.at) if halves else None,
        halves.in_sample if halves else None,
        halves.out_of_sample if halves else None,
        _quality(result.quality),
        [_trade(trade) for trade in result.trades],
        [Value(iso(ts), value) for ts, value in curve if isfinite(value)],
    )


def _quality(quality: DataQuality) -> TestedQuality:
    times = {name: None if ts is None else iso(ts) for name, ts in (("start", quality.start), ("end", quality.end))}
    return TestedQuality(**asdict(quality) | times)


def _trade(trade: Trade) -> TestedTrade:
    return TestedTrade(**asdict(trade) | {"entered": iso(trade.entered), "exited": iso(trade.exited)})
