"""What a daemon keeps through broken connections and kills is what the exchange sent: each trade once, or named as missing. Its bars and
points, in the store and in the exports, are those of a daemon that nothing ever happened to.

`QUANTD_CHAOS_SEED` chooses what breaks when; a failure prints it.
"""

import csv
import json
import os
import random
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from quantd.cli.exchange import Exchange, simulator
from quantd.model import Bar
from quantd.plugin.base import Store
from quantd.plugin.loader import load
from quantd.simulator.scenario import load as scenario
from tests.chaos.judge import Judge
from tests.chaos.record import Book, floor
from tests.live.conftest import Running, Start, daemons, write_config
from tests.scenarios.oracle import HOUR
from tests.waiting import PATIENCE_S

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "AVAXUSDT")
HALF_OPEN = ({"kind": "stall", "params": {"mode": mode}, "for_ms": 8_000} for mode in ("tcp", "data"))
ENDS = ("fin", "rst", "close:1000", "close:1001", "close:1008", "close:1011", "midframe", "after_ack", "before_ack")
DISCONNECTS_OF_ALL_KINDS = (
    *({"kind": "disconnect", "params": {"mode": mode}, "for_ms": 3_000} for mode in ENDS),
    *HALF_OPEN,
    {"kind": "cut24h", "params": {"shutdown": False}},
    {"kind": "cut24h", "params": {"shutdown": True, "warning_ms": 500}},
)
DISCONNECTS = {"chaos": 50, "soak": 1_000}
KILLS = {"chaos": 20, "soak": 200}
REOPEN = "5s"
"""Short, so that what comes after a kill is too old for the open bars, and these are made anew."""
SILENT = "6s"
"""Short, so that the watchdogs of silent streams have something to do in two minutes."""
PAIRS = ("BTCUSDT-ETHUSDT", "SOLUSDT-AVAXUSDT")
EVERY = ("1s", "5s", "1m", "5m")
WINDOW = 20
"""Short, so that a replay need not reach back far: what a point is, to the last bit, depends on two windows."""
BEHIND_MS = 3_000
"""Of what ended so long before a stop, all is kept."""


class Chaos:
    """A daemon on an exchange, and what happens to them."""

    def __init__(self, folder: Path, exchange: Exchange, start: Start, seed: int) -> None:
        self.exchange = exchange
        self._folder = folder
        self._start = start
        self._random = random.Random(seed)
        self.daemon: Running = start(folder)

    def disconnect(self) -> None:
        self.until(lambda: self._ask(self.exchange.ctl + "/connections"), "nobody is connected")
        self._ask(self.exchange.ctl + "/fault", self._random.choice(DISCONNECTS_OF_ALL_KINDS))

    def calm(self) -> None:
        """No fault goes on, and none begins."""
        self._ask(self.exchange.ctl + "/scenario", method="DELETE")

    def kill(self) -> None:
        self.daemon.process.kill()
        self.daemon.process.wait()
        self.pause(0.0, 2.0)
        self.daemon = self._start(self._folder, ready=False)  # the next kill may well meet it while it begins

    def pause(self, least: float, most: float) -> None:
        """Let the exchange send for a while: it is real time that is under test."""
        time.sleep(self._random.uniform(least, most))

    def quality(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask(self.daemon.http + "/quality")
        return found

    def violations(self) -> list[dict[str, Any]]:
        """Which of the exchange's limits were broken, by its own book."""
        found: list[dict[str, Any]] = self._ask(self.exchange.ctl + "/violations")
        return found

    def until_live(self) -> None:
        """Wait until every symbol has its past."""
        self.until(lambda: [row["state"] for row in self.quality()] == ["live"] * len(SYMBOLS), "not live")

    def until_whole(self) -> None:
        """Wait until nothing is missing that is to be had."""
        self.until(lambda: all(map(_is_whole, self.quality())), "still missing")

    def until(self, true: Callable[[], Any], otherwise: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while not _holds(true):
            assert time.monotonic() < end, f"{otherwise} after {PATIENCE_S} s: {self.quality()}"
            time.sleep(0.25)

    def _ask(self, url: str, body: object = None, method: str | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(url, data, method=method), timeout=PATIENCE_S) as answer:
            return json.loads(answer.read())


def _is_whole(row: dict[str, Any]) -> bool:
    open_gaps = sum(gap["last_id"] - gap["first_id"] + 1 for gap in row["gaps"])  # one is open until its bars are mended
    return row["state"] == "live" and row["missing"] == row["lost"] == open_gaps


def _holds(true: Callable[[], Any]) -> bool:
    try:
        return bool(true())
    except OSError:  # the daemon does not serve yet
        return False


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("QUANTD_CHAOS_SEED", "1"))


@pytest.fixture
def chaos(tmp_path: Path, seed: int) -> Iterator[Chaos]:
    with simulator(tmp_path / "ledger", "--scenario", "chaos", "--seed", str(seed)) as exchange, daemons() as start:
        write_config(tmp_path, exchange.ws, exchange.rest)
        config = yaml.safe_load((tmp_path / "quantd.yaml").read_text()) | {"symbols": []}
        config["feeds"]["binance-futures"] |= {"silent": SILENT}
        (tmp_path / "quantd.yaml").write_text(yaml.safe_dump(config))
        pipeline = tmp_path / "pipelines/default.yaml"
        bars = {"use": "time", "every": list(EVERY), "reopen": REOPEN}
        settings = yaml.safe_load(pipeline.read_text()) | {"bars": bars, "regression": {"use": "ols", "window": WINDOW}}
        pipeline.write_text(yaml.safe_dump(settings))
        yield Chaos(tmp_path, exchange, start, seed)


@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("length", [pytest.param("chaos", marks=pytest.mark.chaos), pytest.param("soak", marks=pytest.mark.soak)])
def test_the_store_is_the_exchanges_ledger(chaos: Chaos, tmp_path: Path, seed: int, length: str) -> None:
    disconnects, kills = DISCONNECTS[length], KILLS[length]
    every = disconnects // kills
    chaos.until_live()
    began = now()
    for number in range(disconnects):
        chaos.pause(0.1, 1.2)
        chaos.disconnect()
        if number % every == every - 1:
            chaos.pause(0.0, 1.5)
            chaos.kill()
    chaos.calm()
    chaos.pause(2.0, 3.0)
    chaos.until_whole()
    assert chaos.violations() == [], f"QUANTD_CHAOS_SEED={seed}: the exchange's limits were broken"
    gaps = {each["symbol"]: each["gaps"] for each in chaos.quality()}
    ended = now() - BEHIND_MS
    assert chaos.daemon.stop() == 0
    store: Any = load().get("store", "local").plugin()
    store.open_to_read(tmp_path / "state")
    try:
        for symbol in SYMBOLS:
            compare(symbol, chaos.exchange.ledger, store, gaps[symbol], f"QUANTD_CHAOS_SEED={seed}")
    finally:
        store.close()
    book = Book(scenario("chaos"), seed, chaos.exchange.ledger)
    judge = Judge(tmp_path, book, dict.fromkeys(PAIRS, WINDOW), EVERY, floor(began - 4 * HOUR, "1h"), ended)
    lost = {symbol: [(gap["first_id"], gap["last_id"]) for gap in rows] for symbol, rows in gaps.items()}
    wrong = judge.verdict(dict.fromkeys(EVERY, began), lost)
    assert not wrong, f"QUANTD_CHAOS_SEED={seed}: bars and points are not those of a daemon that nothing happened to:\n{wrong}"


def now() -> int:
    return time.time_ns() // 1_000_000


def compare(symbol: str, ledger: Path, store: Store, gaps: list[dict[str, Any]], told: str) -> None:
    """Id by id and field by field, then the bars that say they are complete."""
    with (ledger / f"{symbol}.csv").open(newline="") as file:
        rows = {int(row["a"]): row for row in csv.DictReader(file)}
    kept = store.ticks(symbol, 0, 2**60)
    ids = kept["id"].tolist()
    assert len(ids) == len(set(ids)), f"{told}: {symbol}: a trade is kept twice"
    lost = {identity for gap in gaps for identity in range(gap["first_id"], gap["last_id"] + 1)}
    expected = {identity for identity in rows if identity <= ids[-1]} - lost
    assert sorted(expected - set(ids)) == [], f"{told}: {symbol}: missing, and not named"
    inside = [at for at, identity in enumerate(ids) if identity in rows]
    sent = [rows[ids[at]] for at in inside]
    for name, column in (("price", "p_ticks"), ("qty", "q_steps")):
        ratios = kept[name][inside] / np.array([float(row[column]) for row in sent])
        assert np.ptp(ratios) <= 1e-9 * ratios[0], f"{told}: {symbol}: {name} is not what was sent"
    assert kept["ts"][inside].tolist() == [int(row["T"]) for row in sent]
    assert kept["buyer_maker"][inside].tolist() == [row["m"] == "1" for row in sent]
    check_bars(symbol, store.bars(symbol, "1s", int(sent[0]["T"]), 2**60), kept, told)


def check_bars(symbol: str, bars: list[Bar], kept: Any, told: str) -> None:
    seconds = kept["ts"] // 1_000 * 1_000
    for bar in bars:
        inside = kept["price"][seconds == bar.ts]
        if bar.quality != "complete":
            continue
        assert bar.trades == len(inside), f"{told}: {symbol}: the bar of {bar.ts} says it is complete"
        if len(inside):
            assert (bar.open, bar.high, bar.low, bar.close) == (inside[0], inside.max(), inside.min(), inside[-1]), f"{told}: {bar}"
    absent = set(range(bars[0].ts, bars[-1].ts, 1_000)) - {bar.ts for bar in bars}
    assert not absent, f"{told}: {symbol}: no bars of {sorted(absent)}"
    gaps = [bar.ts for bar in bars if bar.quality == "gap"]
    assert len(gaps) <= 2, f"{told}: {symbol}: everything came, and still these bars are gaps: {gaps}"
