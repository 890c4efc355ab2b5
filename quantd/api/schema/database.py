"""The structs of the answers of `/database`."""

from collections.abc import Sequence

from msgspec import UNSET, Struct, UnsetType

from quantd.api.schema import wire
from quantd.api.schema.kinds import Time
from quantd.model import Bar, Tick
from quantd.services.database import Holdings
from quantd.times import iso

_MIB = 1024 * 1024


class TimeRange(Struct, frozen=True):
    """The times of the first and the last row; null without rows."""

    start: Time | None
    end: Time | None


class Stats(Struct, frozen=True):
    """The recorded trades, and the space that the whole record takes."""

    total_ticks: int
    symbol_counts: dict[str, int]
    time_range: TimeRange
    database_size_mb: float


class DatabaseStats(Struct, frozen=True):
    """The answer of `GET /database/stats`."""

    stats: Stats
    status: str = "ok"


class RecordedTrade(Struct, frozen=True, gc=False):
    """A recorded trade."""

    timestamp: Time
    symbol: str
    price: float
    volume: float


class RecordedTrades(Struct, frozen=True):
    """Recorded trades, the oldest first. Without any there is no `time_range`."""

    symbol: str
    count: int
    data: list[RecordedTrade]
    time_range: TimeRange | UnsetType = UNSET
    status: str = "ok"


class RecordedBars(Struct, frozen=True):
    """Recorded bars, the oldest first. Without any there is no `time_range`."""

    symbol: str
    timeframe: str
    count: int
    data: list[wire.Candle]
    time_range: TimeRange | UnsetType = UNSET
    status: str = "ok"


class Cleaned(Struct, frozen=True):
    """The answer to a deletion of old rows."""

    deleted_rows: int
    retention_hours: int
    message: str
    status: str = "ok"


class Compacted(Struct, frozen=True):
    """The answer after the space of deleted rows was given back."""

    database_size_mb: float
    message: str = "Database optimized successfully"
    status: str = "ok"


def stats(held: Holdings) -> DatabaseStats:
    """Return what is recorded."""
    span = TimeRange(*(None if ts is None else iso(ts) for ts in (held.first, held.last)))
    return DatabaseStats(Stats(sum(held.ticks.values()), dict(held.ticks), span, megabytes(held.size)))


def trades(named: str, ticks: Sequence[Tick]) -> RecordedTrades:
    """Return recorded trades; `named` is the symbol as the caller wrote it."""
    rows = [RecordedTrade(tick.ts, tick.symbol, tick.price, tick.qty) for tick in wire.trades(ticks)]
    return RecordedTrades(named, len(rows), rows, _span([row.timestamp for row in rows]))


def bars(named: str, timeframe: str, found: Sequence[Bar]) -> RecordedBars:
    """Return recorded bars; `named` and `timeframe` are what the caller wrote."""
    rows = [wire.Candle(iso(bar.ts), bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in wire.drawable(found)]
    return RecordedBars(named, timeframe, len(rows), rows, _span([row.ts for row in rows]))


def megabytes(size: int) -> float:
    """Return a size in MiB."""
    return round(size / _MIB, 3)


def _span(times: Sequence[str]) -> TimeRange | UnsetType:
    return TimeRange(times[0], times[-1]) if times else UNSET
