"""Made-up market data in files: seeded, disordered, and in every format that a replay reads."""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct

DAWN = 1_723_154_400_000
"""2024-08-08T22:00:00Z."""


class Trade(Struct, frozen=True):
    """One trade of a symbol."""

    symbol: str
    id: int
    ts: int
    price: float
    qty: float
    buyer_maker: bool

    def aggregate(self) -> dict[str, object]:
        """As the exchange's payload."""
        price, qty = repr(self.price), repr(self.qty)
        return {
            "e": "aggTrade",
            "E": self.ts + 3,
            "s": self.symbol,
            "a": self.id,
            "p": price,
            "q": qty,
            "T": self.ts,
            "m": self.buyer_maker,
        }


def walk(rng: np.random.Generator, symbol: str, start: int, end: int, count: int, price: float, *, quiet: int = 0) -> list[Trade]:
    """Trades by id, at random times from `start` to `end` but for a silence of `quiet` ms somewhere between, some out of order by time."""
    times = np.sort(rng.integers(start, end, count))
    silence = int(rng.integers(start, max(start + 1, end - quiet)))
    times = times[(times < silence) | (times >= silence + quiet)]
    swapped = np.flatnonzero(rng.random(len(times) - 1) < 0.05)
    times[swapped], times[swapped + 1] = times[swapped + 1], times[swapped]
    prices = price * np.exp(np.cumsum(rng.normal(0, 3e-4, len(times))))
    first = int(rng.integers(1, 10**9))
    columns = zip(
        times.tolist(), prices.tolist(), rng.exponential(2.0, len(times)).tolist(), (rng.random(len(times)) < 0.5).tolist(), strict=True
    )
    return [Trade(symbol, first + number, *values) for number, values in enumerate(columns)]


def thinned(rng: np.random.Generator, trades: Sequence[Trade], share: float) -> list[Trade]:
    """Without some of the trades."""
    return [trade for trade in trades if rng.random() >= share]


def capture(path: Path, rng: np.random.Generator, trades: Sequence[Trade], *, late: float = 0.03, twice: float = 0.03) -> Path:
    """Frames by time of receipt: some are late by up to eight seconds, some come twice."""
    rows = []
    for trade in trades:
        for _ in range(1 + (rng.random() < twice)):
            delay = int(rng.integers(0, 8_000)) if rng.random() < late else int(rng.integers(0, 60))
            rows.append((trade.ts + delay, trade))
    frames = [
        f"{recv * 1_000_000 + 7} {json.dumps({'stream': f'{trade.symbol.lower()}@aggTrade', 'data': trade.aggregate()})}\n"
        for recv, trade in sorted(rows, key=lambda row: row[0])
    ]
    path.write_text("".join(frames))
    return path


def ndjson(path: Path, rng: np.random.Generator, trades: Sequence[Trade], *, late: float = 0.03) -> Path:
    """What a collector wrote, in its order: some lines are late by up to four seconds."""
    rows = sorted(trades, key=lambda trade: trade.ts + (int(rng.integers(0, 4_000)) if rng.random() < late else 0))
    path.write_text(
        "".join(json.dumps({"symbol": row.symbol.lower(), "ts": row.ts, "price": row.price, "size": row.qty}) + "\n" for row in rows)
    )
    return path


def dump(folder: Path, trades: Sequence[Trade], *, header: bool, packed: bool) -> Path:
    """An aggTrades file of one symbol."""
    name = f"{trades[0].symbol}-aggTrades-2024-08-08"
    rows = ["agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"] if header else []
    rows += [f"{t.id},{t.price!r},{t.qty!r},{t.id},{t.id},{t.ts},{str(t.buyer_maker).lower()}" for t in trades]
    text = "\n".join(rows) + "\n"
    if not packed:
        (folder / f"{name}.csv").write_text(text)
        return folder / f"{name}.csv"
    with zipfile.ZipFile(folder / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.csv", text)
    return folder / f"{name}.zip"


def ohlc(path: Path, rng: np.random.Generator, prices: dict[str, float], *, step: int, count: int, start: int, missing: float) -> Path:
    """Bars of several symbols in one file; some rows are missing."""
    rows = []
    for symbol, price in prices.items():
        closes = price * np.exp(np.cumsum(rng.normal(0, 1e-3, count + 1)))
        for number, (before, close) in enumerate(zip(closes[:-1].tolist(), closes[1:].tolist(), strict=True)):
            if number and number < count - 1 and rng.random() < missing:
                continue
            high, low = max(before, close) * 1.0001, min(before, close) * 0.9999
            rows.append((start + number * step, f"{symbol},{before!r},{high!r},{low!r},{close!r},{rng.exponential()!r}"))
    rows.sort(key=lambda row: row[0])
    path.write_text("ts,symbol,open,high,low,close,volume\n" + "".join(f"{ts},{row}\n" for ts, row in rows))
    return path
