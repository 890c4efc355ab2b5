"""What is known after a restart is what a daemon knows that never stopped: bars, windows, points and their exports."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from quantd.cli.exchange import Exchange, simulator
from quantd.simulator.scenario import Scenario, parse
from tests.chaos import record
from tests.chaos.judge import Judge
from tests.chaos.judge import told as report
from tests.chaos.record import Book, floor
from tests.scenarios.oracle import DAY, HOUR, MINUTE, SECOND
from tests.waiting import PATIENCE_S

from .conftest import Running, Start
from .test_daemon import frame, get, watching

SEED = 3
PAIR = "BTCUSDT-ETHUSDT"
SYMBOLS = ("BTCUSDT", "ETHUSDT")
WINDOW = 10
CANDLE = ("open", "high", "low", "close", "volume")
QUIET = {
    "BTCUSDT": {
        "level": 90000,
        "tick": 0.1,
        "step": 0.001,
        "rate": 4,
        "follow": {"leader": "ETHUSDT", "beta": 25, "ou_sd": 120, "ou_halflife_s": 900},
    },
    "ETHUSDT": {"level": 3200, "tick": 0.01, "step": 0.001, "rate": 4, "volatility": 0.035},
}
"""So few trades that days of them are made in no time."""


def now() -> int:
    return time.time_ns() // 1_000_000


class Market:
    """An exchange that can be left, and met again at another time: its trades are a function of seed and time."""

    def __init__(self, folder: Path, hours: int, pace: float = 1.0, **more: Any) -> None:
        """It tells of the last `hours`; the making of a minute of them takes its time, once. `pace` multiplies the rate of trades."""
        self._folder = folder
        self._path = folder / "market.yaml"
        self._path.write_text(yaml.safe_dump({"symbols": QUIET | more, "limits": {"history_h": hours}}))
        self._pace = pace
        self.scenario: Scenario = parse(self._path.read_text()).faster(pace)

    @contextmanager
    def open(self, epoch: int | None = None) -> Iterator[Exchange]:
        """From `epoch` (ms) on, from now on where none is named."""
        options = (
            "--scenario",
            str(self._path),
            "--seed",
            str(SEED),
            "--rate",
            str(self._pace),
            *(("--epoch", str(epoch)) if epoch else ()),
        )
        with simulator(self._folder / f"ledger-{epoch}", *options) as exchange:
            yield exchange

    @property
    def book(self) -> Book:
        """All its trades."""
        return Book(self.scenario, SEED, None)


def pipeline(every: Sequence[str], window: int = WINDOW, **more: Any) -> dict[str, Any]:
    return {
        "feed": "binance-futures",
        "bars": {"use": "time", "every": list(every)},
        "regression": {"use": "ols", "window": window},
        "exports": [{"use": "csv", "dir": "exports", "roll": "1d"}],
        **more,
    }


def configure(folder: Path, exchange: Exchange, pairs: Sequence[object] = (PAIR,), **pipelines: Mapping[str, Any]) -> None:
    settings = {
        "pairs": list(pairs),
        "feeds": {"binance-futures": {"ws": exchange.ws, "rest": exchange.rest, "files": exchange.rest, "reconnect_max": "1s"}},
        "store": "local",
        "sinks": {"log": {}},
        "state": {"dir": "state"},
    }
    (folder / "pipelines").mkdir(exist_ok=True)
    (folder / "quantd.yaml").write_text(yaml.safe_dump(settings))
    for name, keys in pipelines.items():
        (folder / f"pipelines/{name}.yaml").write_text(yaml.safe_dump(dict(keys)))


async def begun(start: Start, folder: Path, patience: float = PATIENCE_S) -> Running:
    """A daemon that has the past of all its symbols, and all that it missed."""
    daemon: Running = await asyncio.to_thread(start, folder)
    async with asyncio.timeout(patience), aiohttp.ClientSession() as session:
        while not await _is_whole(daemon, session):  # noqa: ASYNC110 -- see what anyone sees
            await asyncio.sleep(0.1)
    return daemon


async def _is_whole(daemon: Running, session: aiohttp.ClientSession) -> bool:
    async with session.get(f"{daemon.http}/ready") as answer:
        ready = answer.status == 200
    return ready and all(not row["missing"] and not row["gaps"] for row in await get(daemon, "/quality"))


async def stopped(daemon: Running) -> None:
    assert await asyncio.to_thread(daemon.stop) == 0


async def trades(daemon: Running, count: int) -> None:
    """Let so many more trades come."""
    async with asyncio.timeout(PATIENCE_S), watching(daemon, *SYMBOLS) as socket:
        for _ in range(count):
            await frame(socket, "trade")


# --- what the exchange says ---


BarOf = tuple[float, ...]


async def klines(exchange: Exchange, symbol: str, interval: str, every: str) -> dict[int, BarOf]:
    """Open, high, low, close and volume of each bucket of `every` that the exchange's candles of `interval` fill, by time."""
    rows: list[list[Any]] = []
    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            query = {"symbol": symbol, "interval": interval, "limit": "1500"} | ({"endTime": f"{rows[0][0] - 1}"} if rows else {})
            async with session.get(f"{exchange.rest}/fapi/v1/klines", params=query) as answer:
                rows = [*await answer.json(), *rows]
    merged = ((ts, list(parts)) for ts, parts in groupby(rows, lambda row: floor(row[0], every)))
    return {ts: _merged(parts) for ts, parts in merged if parts[0][0] == ts}


def _merged(rows: Sequence[Sequence[Any]]) -> BarOf:
    """Those parts tell the prices in which something was traded."""
    traded = [row for row in rows if Decimal(row[5])] or rows[-1:]
    high, low = max(Decimal(row[2]) for row in traded), min(Decimal(row[3]) for row in traded)
    return tuple(map(float, (traded[0][1], high, low, traded[-1][4], sum(Decimal(row[5]) for row in rows))))


def told(rows: Iterable[Mapping[str, Any]]) -> dict[int, BarOf]:
    """Served bars by time."""
    return {ms(row["ts"]): tuple(row[name] for name in CANDLE) for row in rows}


def ms(iso: str) -> int:
    return round(datetime.fromisoformat(iso).timestamp() * 1000)


def differences(name: str, found: Mapping[int, object], right: Mapping[int, object], until: int, every: str) -> list[str]:
    """Between what is served and what must be, of the bars that ended up to `until` (ms): none may be missing since the oldest."""
    closed = [ts for ts in found if record.end(ts, every) <= until]
    wanted = sorted(ts for ts in right if ts >= min(closed, default=0) and record.end(ts, every) <= until)
    absent = [f"{name} {every} ts {ts}: is missing" for ts in wanted if ts not in found]
    return absent + [f"{name} {every} ts {ts}: {found[ts]}, must be {right.get(ts)}" for ts in sorted(closed) if found[ts] != right.get(ts)]


async def served(daemon: Running, symbol: str, every: str) -> dict[int, BarOf]:
    """The bars up to the last trade: by the exchange's clock, which need not be the daemon's."""
    last = max(ms(row["last_tick"]) for row in await get(daemon, "/quality") if row["last_tick"])
    return told(await get(daemon, f"/data/{symbol}?tf={every}&from=0&to={last + 5 * SECOND}&limit=2000"))


# --- minutes only ---


async def correlations(daemon: Running) -> dict[str, float]:
    return {row["ts"]: row["value"] for row in (await get(daemon, f"/analytics/correlation?pair={PAIR}&window=60"))["correlation"]}


async def test_a_restart_leaves_the_past_of_minutes_as_it_was(tmp_path: Path, start: Start) -> None:
    with Market(tmp_path, hours=6).open() as exchange:
        configure(tmp_path, exchange, default=pipeline(["1m"], window=60))
        first = await begun(start, tmp_path)
        await trades(first, 5)
        before, bars_before = await correlations(first), {symbol: await served(first, symbol, "1m") for symbol in SYMBOLS}
        await stopped(first)
        again = await begun(start, tmp_path)
        await trades(again, 5)
        after, at = await correlations(again), now() - 3 * SECOND
        wrong = []
        for symbol in SYMBOLS:
            right, bars = await klines(exchange, symbol, "1m", "1m"), await served(again, symbol, "1m")
            wrong += differences(f"again: {symbol}", bars, right, at, "1m")
            wrong += differences(f"before: {symbol}", bars_before[symbol], right, max(bars_before[symbol]), "1m")
            wrong += [] if len(bars) >= 6 * 60 else [f"{symbol}: {len(bars)} bars"]
        await stopped(again)
    assert not wrong, report(wrong)
    shared = sorted(before.keys() & after.keys())
    assert len(shared) >= 60
    assert [f"{ts}: corr {after[ts]}, was {before[ts]}" for ts in shared if after[ts] != before[ts]] == []


# --- every timeframe ---


SOURCES = {"1m": "1m", "5m": "5m", "15m": "15m", "1h": "1h", "14h": "2h"}
"""Of which candles of the exchange the bars of a timeframe are made here: the longest that divide it, as the oldest hour of its past may
be the second one of the oldest two hours that it tells."""
DEEPEST = 480
TWO_WEEKS = 14 * DAY


@pytest.mark.parametrize(
    ("hours", "window"), [(50, 3), pytest.param(16 * 24, 20, marks=[pytest.mark.chaos, pytest.mark.timeout(900)])], ids=["days", "weeks"]
)
async def test_each_timeframe_is_the_exchanges_before_and_after_a_restart(tmp_path: Path, start: Start, hours: int, window: int) -> None:
    market = Market(tmp_path, hours)
    with market.open() as exchange:
        past = await of_exchange(exchange)
        configure(tmp_path, exchange, default=pipeline(["1s", *SOURCES], window))
        for run in ("first", "second"):
            daemon = await begun(start, tmp_path)
            await trades(daemon, 5)
            at = now() - 3 * SECOND
            found = {(symbol, every): await served(daemon, symbol, every) for symbol in SYMBOLS for every in ("1s", *SOURCES)}
            # The exchange is asked last: what had closed when the daemon was asked is whole by now. Its oldest candles may be gone by then.
            right = {key: past[key] | now_told for key, now_told in (await of_exchange(exchange)).items()}
            right |= {(symbol, "1s"): of_book(market.book, symbol, now()) for symbol in SYMBOLS}
            wrong = [text for key, bars in found.items() for text in wrong_series(*key, bars, right[key], at)]
            wrong += await without_zscore(daemon, window)
            await stopped(daemon)
            assert not wrong, f"{run} run:\n{report(wrong)}"


async def of_exchange(exchange: Exchange) -> dict[tuple[str, str], dict[int, BarOf]]:
    """By symbol and timeframe what the exchange's candles tell."""
    return {(symbol, every): await klines(exchange, symbol, of, every) for symbol in SYMBOLS for every, of in SOURCES.items()}


def of_book(book: Book, symbol: str, until: int) -> dict[int, BarOf]:
    """The bars of a second of the last hour, and beyond it up to the last trade of the next: there may be few."""
    seconds = record.bars(book.trades(symbol, until - HOUR, until + HOUR), "1s")
    return {ts: (bar.open, bar.high, bar.low, bar.close, bar.volume) for ts, bar in seconds.items()}


def wrong_series(symbol: str, every: str, bars: Mapping[int, BarOf], right: Mapping[int, BarOf], at: int) -> list[str]:
    """What is wrong with the bars of a timeframe that had closed at `at` (ms): none may differ, and as many be there as the exchange tells,
    up to a limit."""
    wrong = differences(symbol, bars, right, at, every)
    promised = [ts for ts in sorted(right)[-DEEPEST:] if ts >= at - TWO_WEEKS] if every != "1s" else []
    return wrong + [
        f"{symbol} {every} ts {ts}: is missing of the past" for ts in promised if ts not in bars and record.end(ts, every) <= at
    ]


async def without_zscore(daemon: Running, window: int) -> list[str]:
    nowcasts = {row["every"]: row["zscore"] for row in await get(daemon, "/pairs")}
    wrong = [f"{every}: no z-score between closes" for every in SOURCES if nowcasts.get(every) is None]
    for every in SOURCES:
        found = await get(daemon, f"/analytics/zscore?pair={PAIR}&tf={every}&window={window}")
        wrong += [] if found["zscore"] else [f"{every}: no z-scores on demand"]
    return wrong


# --- away for hours ---


EVERY = ("1s", "1m", "5m")
SECONDS_AGO = 9 * MINUTE
"""So far back the bars and points of seconds are there: a minute less than what is promised."""
OPEN_FOR = 48 * SECOND
"""So far the minute has come that is open when the daemon comes back; a little more of that which is open at the first start."""
RULE = {"name": "above", "when": "zscore > 0", "every": "1m", "send": ["log"]}


@pytest.mark.parametrize(
    ("away", "pace"),
    [
        pytest.param(70 * MINUTE - 4 * SECOND, 1.0, marks=pytest.mark.chaos),
        pytest.param(23 * HOUR + 30 * MINUTE - 4 * SECOND, 0.1, marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
    ],
    ids=["an hour", "a day"],
)
async def test_what_closed_while_the_daemon_was_away_is_news(tmp_path: Path, start: Start, away: int, pace: float) -> None:
    market = Market(tmp_path, 3 + away // HOUR, pace)
    back = (now() - OPEN_FOR) // MINUTE * MINUTE + OPEN_FOR
    opened = floor(back, "1m")
    with market.open(back - away) as exchange:
        configure(tmp_path, exchange, default=pipeline(EVERY))
        first = await begun(start, tmp_path)
        began = ms((await get(first, "/quality"))[0]["last_tick"])
        await seconds_from(first, floor(began, "1m") + MINUTE)
        await stopped(first)
    with market.open(back) as exchange:
        configure(tmp_path, exchange, default=pipeline(EVERY, alerts=[RULE]))
        again = await begun(start, tmp_path, 10 * PATIENCE_S)
        await seconds_from(again, opened + MINUTE)
        fired = await get(again, "/alerts/active")
        await stopped(again)
    judge = Judge(tmp_path, market.book, {PAIR: WINDOW}, EVERY, floor(back - away - 2 * HOUR, "1h"), opened + MINUTE)
    wrong = judge.verdict(dict.fromkeys(EVERY, began) | {"1s": back - SECONDS_AGO})
    assert not wrong, f"away from {back - away} to {back}:\n{wrong}"
    early = [firing["ts"] for firing in fired if ms(firing["ts"]) < opened - MINUTE]
    assert early == [], "a rule has judged bars that were not the newest"


async def seconds_from(daemon: Running, ts: int) -> None:
    """Wait until what ended up to `ts` (ms) has closed."""
    async with asyncio.timeout(PATIENCE_S):
        while min([max(await served(daemon, symbol, "1s"), default=0) for symbol in SYMBOLS]) < ts + 2 * SECOND:
            await trades(daemon, 1)


# --- few trades, two pipelines and a guest ---


SPARSE: dict[str, Any] = {"SOLUSDT": {"level": 140, "tick": 0.01, "step": 0.01, "rate": 1 / 60}}
GUEST: dict[str, Any] = {"ADAUSDT": {"level": 0.45, "tick": 0.0001, "step": 1, "rate": 4}}
SPARSE_PAIR = "SOLUSDT-ETHUSDT"


@pytest.mark.chaos
async def test_few_trades_two_pipelines_and_a_guest_come_through_a_restart(tmp_path: Path, start: Start) -> None:
    market = Market(tmp_path, 3, 1.0, **SPARSE, **GUEST)
    every = ("1s", "5s", "1m")
    with market.open() as exchange:
        configure(tmp_path, exchange, [PAIR, {SPARSE_PAIR: "slow"}], default=pipeline(every), slow=pipeline(every, 2 * WINDOW))
        begin: list[int] = []
        for run in ("first", "second"):
            daemon = await begun(start, tmp_path)
            begin.append(now())
            async with watching(daemon, "ADAUSDT") as guest:
                async with asyncio.timeout(PATIENCE_S):
                    while len(await served(daemon, "ADAUSDT", "1m")) < 3 * 60:
                        await frame(guest, "trade")
                await seconds_from(daemon, now() + 6 * SECOND)
                wrong = []
                for symbol in (*SYMBOLS, "SOLUSDT", "ADAUSDT"):
                    at = now() - 3 * SECOND
                    minutes, seconds = await served(daemon, symbol, "1m"), await served(daemon, symbol, "1s")
                    wrong += wrong_series(symbol, "1m", minutes, await klines(exchange, symbol, "1m", "1m"), at)
                    wrong += wrong_series(symbol, "1s", seconds, of_book(market.book, symbol, now()), at)
            assert not wrong, f"{run} run:\n{report(wrong)}"
            ended = now() - 3 * SECOND
            await stopped(daemon)
    judge = Judge(tmp_path, market.book, {PAIR: WINDOW, SPARSE_PAIR: 2 * WINDOW}, every, floor(begin[0] - HOUR, "1h"), ended)
    of_all = judge.verdict(dict.fromkeys(every, begin[0]))
    assert not of_all, of_all
