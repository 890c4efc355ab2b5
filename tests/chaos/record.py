"""What a daemon that was never stopped would have kept, of the exchange's own book: bars as sums of whole columns, points by a replay.

The book is the simulator's ledger from its start on, and before that the tape of its seed. Sums are whole numbers of the tick and step
size, turned into decimals at the end: nothing here is made by quantd but the replayed points, whose definition `tests/scenarios` holds
against an oracle of its own.
"""

import csv
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from quantd.model import Bar, PairPoint
from quantd.rows import COLUMNS, cells
from quantd.simulator.market import Market
from quantd.simulator.scenario import Scenario
from quantd.simulator.trades import Tape, Trade
from quantd.simulator.wire import Scale
from quantd_plugins.stores.local import Local
from tests.scenarios import oracle

FOR_EVER = 2**60
FROM_GOOD_TO_BAD = ("complete", "imported", "partial", "forming", "gap")
FIGURES = tuple(name for name in COLUMNS["points"] if name not in ("coverage", "quality", "revision"))
"""Of a point: what follows from the closes of its window alone, to the last bit."""
WHOLE = ("complete", "imported")
Ints = np.ndarray[Any, np.dtype[np.int64]]


# --- the book ---


@dataclass(frozen=True)
class Trades:
    """Trades of one symbol by id: prices and quantities as whole numbers of `tick` and `step`, `raw` single trades in each."""

    tick: Decimal
    step: Decimal
    id: Ints
    ts: Ints
    price: Ints
    qty: Ints
    maker: Ints
    raw: Ints

    def where(self, kept: Any) -> "Trades":
        """Those of a mask."""
        return replace(self, **{name: getattr(self, name)[kept] for name in _COLUMNS})

    def without(self, lost: Iterable[tuple[int, int]]) -> "Trades":
        """All but those of these ranges of ids, both ends included."""
        kept = np.ones(len(self.id), bool)
        for first, last in lost:
            kept &= (self.id < first) | (self.id > last)
        return self.where(kept)


_COLUMNS = tuple(field.name for field in fields(Trades) if field.name not in ("tick", "step"))


class Book:
    """Of an exchange that runs a scenario with a seed, and writes its ledger into a folder."""

    def __init__(self, scenario: Scenario, seed: int, ledger: Path | None) -> None:
        self._scenario = scenario
        self._seed = seed
        self._ledger = ledger
        self._market = Market(scenario, seed)

    def trades(self, symbol: str, since: int, until: int) -> Trades:
        """All trades of since <= ts < until (ms), as far as they have been published; without a ledger, all that the seed tells."""
        rows = [] if self._ledger is None else list(_published(self._ledger / f"{symbol}.csv"))
        begin = rows[0].a if rows else FOR_EVER
        rows = [*self._past(symbol, since, min(until, rows[0].T + oracle.MINUTE) if rows else until, begin), *rows]
        spec = self._scenario.symbols[symbol]
        table = np.array([(row.a, row.T, row.p, row.q, row.m, row.l - row.f + 1) for row in rows], np.int64).reshape(-1, 6)
        return Trades(spec.tick, spec.step, *table[(table[:, 1] >= since) & (table[:, 1] < until)].T)

    def _past(self, symbol: str, since: int, until: int, begin: int) -> Iterator[Trade]:
        """The trades of the seed with an id below `begin`."""
        tape = Tape(symbol, self._scenario, self._seed, self._market)
        for number in range(tape.block_at(since), tape.block_at(until) + 1):
            yield from tape.block(number).rows(0, begin)


def _published(path: Path) -> Iterator[Trade]:
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            a, p, q, nq, f, l, T = (int(row[name]) for name in ("a", "p_ticks", "q_steps", "nq_steps", "f", "l", "T"))  # noqa: E741, N806
            yield Trade(a, p, q, nq, f, l, T, row["m"] == "1")


# --- bars ---


class Right(NamedTuple):
    """A bar as it must be."""

    open: float
    high: float
    low: float
    close: float
    volume: float
    taker_buy_volume: float
    vwap: float | None
    trades: int
    raw: int
    """Single trades, as klines count them."""


def bars(trades: Trades, every: str) -> dict[int, Right]:
    """The right bar of each bucket from that of the first trade to the one before that of the last, by its open time (ms)."""
    buckets = oracle.floor(trades.ts, every)
    order = np.argsort(buckets, kind="stable")
    starts = np.flatnonzero(np.diff(buckets[order], prepend=-1))
    known = dict(zip(buckets[order][starts].tolist(), _sums(trades.where(order), starts), strict=True))
    return dict(_bridged(known, every))


def _sums(trades: Trades, starts: Ints) -> Iterator[Right]:
    """A bar for each run of trades."""
    price, qty = trades.price, trades.qty
    ends = np.append(starts[1:], len(price)) - 1
    sums = (np.add.reduceat(each, starts) for each in (qty, np.where(trades.maker, 0, qty), price * qty, np.ones_like(qty), trades.raw))
    prices = price[starts], np.maximum.reduceat(price, starts), np.minimum.reduceat(price, starts), price[ends]
    for *ohlc, volume, bought, turnover, count, raw in zip(*(each.tolist() for each in (*prices, *sums)), strict=True):
        first, high, low, close = (float(Decimal(each) * trades.tick) for each in ohlc)
        total, taken = (float(Decimal(each) * trades.step) for each in (volume, bought))
        mean = float(Decimal(turnover) * trades.tick * trades.step) / total
        yield Right(first, high, low, close, total, taken, min(max(mean, low), high), count, raw)


def _bridged(known: Mapping[int, Right], every: str) -> Iterator[tuple[int, Right]]:
    """With flat bars where nothing was traded."""
    ts, last = min(known), max(known)
    close = known[ts].open
    while ts < last:
        bar = known.get(ts) or Right(close, close, close, close, 0.0, 0.0, None, 0, 0)
        close = bar.close
        yield ts, bar
        ts = end(ts, every)


def end(ts: int, every: str) -> int:
    """Where the bucket ends that opens at `ts`."""
    return int(oracle.end(np.array([ts]), every)[0])


def floor(ts: int, every: str) -> int:
    """Where the bucket opens that holds `ts`."""
    return int(oracle.floor(np.array([ts]), every)[0])


def buckets(since: int, until: int, every: str) -> list[int]:
    """The open times of the buckets that lie in since <= ts < until as a whole."""
    ts = floor(since, every)
    ts = ts if ts == since else end(ts, every)
    found = []
    while end(ts, every) <= until:
        found.append(ts)
        ts = end(ts, every)
    return found


def wrong_bars(symbol: str, every: str, found: Sequence[Bar], right: Mapping[int, Right], wanted: Collection[int]) -> list[str]:
    """What is wrong with the bars that are kept: those that are missing, and the first difference of each other one."""
    kept = {bar.ts: bar for bar in found}
    absent = [f"{symbol} {every} ts {ts}: there is no bar" for ts in sorted(set(wanted) - kept.keys())]
    return absent + [text for ts in sorted(kept.keys() & right.keys()) for text in _wrong_bar(kept[ts], right[ts])]


def _wrong_bar(bar: Bar, right: Right) -> Iterator[str]:
    """The first field that is not as it must be."""
    for name in ("open", "high", "low", "close", "volume", "taker_buy_volume"):
        if getattr(bar, name) != getattr(right, name):
            yield _told(bar, name, getattr(bar, name), getattr(right, name))
            return
    if (bar.vwap is None) != (right.vwap is None) or (right.vwap and abs((bar.vwap or 0.0) / right.vwap - 1) > 1e-15):
        yield _told(bar, "vwap", bar.vwap, right.vwap)
    elif bar.trades is None or not right.trades <= bar.trades <= (right.raw if bar.quality == "imported" else right.trades):
        yield _told(bar, "trades", bar.trades, right.trades)
    elif bar.quality not in WHOLE:
        yield _told(bar, "quality", bar.quality, "complete or imported")


def _told(row: Bar | PairPoint, name: str, found: object, wanted: object) -> str:
    whose = row.symbol if isinstance(row, Bar) else row.pair
    return f"{whose} {row.every} ts {row.ts} (revision {row.revision}, {row.quality}): {name} is {found!r}, must be {wanted!r}"


# --- points ---


class Replayed:
    """What the same code makes of the trades alone, from the first to the last without a stop."""

    def __init__(self, folder: Path, trades: Mapping[str, Trades], pairs: Sequence[str], every: Sequence[str], window: int) -> None:
        folder.mkdir()
        self._store = folder / "kept"
        pipeline = {"feed": "replay", "bars": {"use": "time", "every": list(every)}, "regression": {"use": "ols", "window": window}}
        (folder / "pipelines").mkdir()
        (folder / "pipelines/tried.yaml").write_text(yaml.safe_dump(pipeline))
        files = [_dump(folder, symbol, each) for symbol, each in trades.items()]
        options = [option for pair in pairs for option in ("--pair", pair)]
        command = [sys.executable, "-m", "quantd", "replay", *files, *options, "--pipeline", "tried", "--store", "kept"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def points(self, pair: str, every: str) -> dict[int, PairPoint]:
        """By time; those of the first windows depend on where the trades begin."""
        return {point.ts: point for point in stored(self._store).points(pair, every, 0, FOR_EVER)}


def stored(folder: Path) -> Local:
    """The store in a folder, to read."""
    store = Local(dir=str(folder))
    store.open_to_read(Path())
    return store


def _dump(folder: Path, symbol: str, trades: Trades) -> str:
    """The trades as a file of a day's aggregate trades."""
    price, qty = Scale(trades.tick).text, Scale(trades.step).text
    columns = (getattr(trades, name).tolist() for name in ("id", "price", "qty", "ts", "maker"))
    lines = [f"{a},{price(p)},{qty(q)},{a},{a},{ts},{'true' if m else 'false'}\n" for a, p, q, ts, m in zip(*columns, strict=True)]
    path = folder / f"{symbol}-aggTrades-2026-01-01.csv"
    path.write_text("agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n" + "".join(lines))
    return path.name


def wrong_points(
    name: str, found: Sequence[PairPoint], right: Mapping[int, PairPoint], legs: Sequence[list[Bar]], wanted: Collection[int], window: int
) -> list[str]:
    """What is wrong with the points of a series: those that are missing, those whose bars say otherwise, and those that are not, bit for
    bit, what the replay makes. `wanted` are the times at which there must be one."""
    kept = {point.ts: point for point in found}
    y, x = ({bar.ts: bar for bar in bars} for bars in legs)
    both = y.keys() & x.keys()
    absent = [f"{name} ts {ts}: there is no point" for ts in sorted(set(wanted) - kept.keys())]
    absent += [f"{name} ts {ts}: the point is of bars that are not there" for ts in sorted((kept.keys() & set(wanted)) - both)]
    known = range(min(right, default=0), max(right, default=0))
    absent += [f"{name} ts {ts}: there is a point, and must be none" for ts in sorted(kept.keys() - right.keys()) if ts in known]
    wrong = [text for ts in sorted(kept.keys() & both) for text in _against_bars(kept[ts], y, x, window)]
    return absent + wrong + [text for ts in sorted(kept.keys() & right.keys()) for text in _against_replay(kept[ts], right[ts])]


def _against_bars(point: PairPoint, y: Mapping[int, Bar], x: Mapping[int, Bar], window: int) -> Iterator[str]:
    """Prices and quality of its bars; bars that are not kept came as bars before the first start, and count as covered."""
    ts = point.ts
    worse = max(y[ts].quality, x[ts].quality, key=FROM_GOOD_TO_BAD.index)
    times = [ts]
    while len(times) < window:
        times.append(floor(times[-1] - 1, point.every))
    covered = sum(each not in leg or leg[each].quality in WHOLE for leg in (y, x) for each in times)
    told = {"y": y[ts].close, "x": x[ts].close, "quality": worse, "coverage": covered / (2 * window)}
    for name, wanted in told.items():
        if getattr(point, name) != wanted:
            yield _told(point, name, getattr(point, name), f"{wanted} of its bars")


def _against_replay(point: PairPoint, right: PairPoint) -> Iterator[str]:
    """The first figure that is not the replay's."""
    for name, found, wanted in zip(FIGURES, cells(point, FIGURES), cells(right, FIGURES), strict=True):
        if found != wanted:
            yield _told(point, name, found, wanted)
            return


# --- exports ---


def exported(folder: Path, kind: str) -> tuple[list[dict[str, str]], list[str]]:
    """The rows of the CSV files of a kind as they stand in them, and those that are no rows."""
    rows, broken = [], []
    for path in sorted(folder.glob(f"{kind}-*.csv")):
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                whole = None not in row and None not in row.values()
                rows.append(row) if whole else broken.append(f"{path.name}: {row}")
    return rows, broken


def wrong_rows(
    kind: str, rows: Sequence[Mapping[str, str]], kept: Sequence[Bar] | Sequence[PairPoint], wanted: Collection[int]
) -> list[str]:
    """What is wrong with the exported rows of one series: each must stand there once, as it is kept. `wanted` are the times at which there
    must be one, in order: what is repaired later follows as it comes."""
    by_ts = {row.ts: row for row in kept}
    times = [int(row["ts"]) for row in rows]
    wrong = [f"{kind} ts {ts}: {count} rows are exported" for ts, count in sorted(Counter(times).items()) if count > 1]
    ordered = [ts for ts in times if ts in wanted]
    wrong += [f"{kind} ts {late}: exported behind ts {early}" for early, late in pairwise(ordered) if late < early]
    wrong += [f"{kind} ts {ts}: it is not exported" for ts in sorted(set(wanted) - set(times))]
    wrong += [f"{kind} ts {ts}: it is exported, and not kept" for ts in sorted(set(times) - by_ts.keys())]
    return wrong + [text for row in rows if int(row["ts"]) in by_ts for text in _wrong_row(row, by_ts[int(row["ts"])])]


def _wrong_row(row: Mapping[str, str], kept: Bar | PairPoint) -> Iterator[str]:
    for name, value in zip(row, cells(kept, tuple(row)), strict=True):
        if row[name] != ("" if value is None else str(value)):
            yield f"exported: {_told(kept, name, row[name], value)}"
            return
