"""A start with more symbols than read trades: what it asks of the exchange, and what then stands in the store."""

import json
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import yaml

from quantd.cli.exchange import Exchange, simulator
from quantd.flow.warm_line import MOST_WITH_TRADES
from quantd.timeframes import MINUTE
from quantd_plugins.stores.local import Local

from .conftest import Start

COUNT = MOST_WITH_TRADES + 5
SYMBOLS = [f"S{number:02d}USDT" for number in range(COUNT)]
BEGIN_MS = 40_000
"""Where in a minute of the exchange it starts: its next full minute is soon, and later than the daemon's connection."""
LOOK_BACK = 480
HOURS = LOOK_BACK // 60 + 1


def market(folder: Path) -> tuple[str, ...]:
    """The options of an exchange with many symbols that trade in order of time: a page by time then lacks no trade."""
    symbols = {name: {"level": 100 + number, "tick": 0.01, "step": 0.01, "rate": 1} for number, name in enumerate(SYMBOLS)}
    path = folder / "many.yaml"
    path.write_text(yaml.safe_dump({"symbols": symbols, "limits": {"history_h": HOURS}, "quirks": {"late": 0.0}}))
    now = time.time_ns() // 1_000_000
    return "--scenario", str(path), "--epoch", str(now // MINUTE * MINUTE + BEGIN_MS)


def write_config(folder: Path, at: Exchange) -> None:
    """Pairs of the last symbols: these read first."""
    settings = {
        "pairs": [f"{SYMBOLS[-1]}-{SYMBOLS[-2]}", f"{SYMBOLS[-2]}-{SYMBOLS[-3]}"],
        "symbols": SYMBOLS[:-3],
        "feeds": {"binance-futures": {"ws": at.ws, "rest": at.rest, "files": at.rest}},
        "store": "local",
        "state": {"dir": str(folder / "state")},
    }
    (folder / "pipelines").mkdir()
    (folder / "quantd.yaml").write_text(yaml.safe_dump(settings))
    pipeline = {"feed": "binance-futures", "bars": {"use": "time", "every": ["1s", "1m"]}, "regression": "ols"}
    (folder / "pipelines/default.yaml").write_text(yaml.safe_dump(pipeline))


def told(url: str) -> Any:
    with urlopen(url, timeout=60) as answer:
        return json.load(answer)


def test_the_further_symbols_of_a_start_cost_two_for_each_timeframe_and_lack_nothing(tmp_path: Path, start: Start) -> None:
    with simulator(tmp_path / "ledger", *market(tmp_path)) as at:
        write_config(tmp_path, at)
        daemon = start(tmp_path)
        requests, violations = told(f"{at.ctl}/requests"), told(f"{at.ctl}/violations")
        pairs = told(f"{daemon.http}/pairs?timeframe=1m")
        daemon.stop()
        counts = {row["path"].removeprefix("/fapi/v1/"): row["count"] for row in requests["requests"] if row["status"] == 200}
        klines = {name: told(f"{at.rest}/fapi/v1/klines?symbol={name}&interval=1m&limit={LOOK_BACK}") for name in SYMBOLS}
    assert (counts["klines"], violations) == (COUNT, [])
    repairs = counts["aggTrades"] - MOST_WITH_TRADES  # of trades that a busy machine has missed meanwhile
    assert 0 <= repairs < COUNT - MOST_WITH_TRADES
    others = counts["time"] + counts["exchangeInfo"]
    assert sum(requests["charged"].values()) == 20 * counts["aggTrades"] + 2 * COUNT + others
    assert [pair["reason"] for pair in pairs if pair["zscore"] is None] == []
    store = Local()
    store.open_to_read(tmp_path / "state")
    for name in SYMBOLS:
        bars = [bar for bar in store.bars(name, "1m", 0, 2**60) if bar.quality != "partial"]
        wanted = {row[0]: tuple(map(float, row[1:5])) for row in klines[name]}
        assert {bar.ts: (bar.open, bar.high, bar.low, bar.close) for bar in bars if bar.ts in wanted} == {
            ts: prices for ts, prices in wanted.items() if ts <= bars[-1].ts
        }
        assert len(bars) >= LOOK_BACK - 2
    store.close()
