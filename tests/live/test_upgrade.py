"""A daemon starts on the state directory of a version whose points meant something else."""

import asyncio
import csv
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest
import yaml

from quantd.cli.exchange import Exchange
from quantd.clock import EventClock
from quantd.flow.pairs import PairSeries, PairSpec, analyse
from quantd.history.history import History
from quantd.model import DEFINITION, PairPoint
from quantd.plugin.base import Plugin
from quantd.plugin.guard import Guard
from quantd.plugin.regression import Regression
from quantd.state import State
from quantd_plugins.regressions.kalman import Kalman
from quantd_plugins.regressions.ols import Ols
from quantd_plugins.stores.local import Local
from tests.waiting import PATIENCE_S

from .conftest import Running, Start

STATE = Path(__file__).parent / "state_66adec8/state.tar.xz"
FROM, UNTIL = 1_767_250_800_000, 1_767_251_400_000
"""Of what is recorded there: ten minutes."""
PAIRS: dict[str, Regression] = {"BTCUSDT-ETHUSDT": Ols(window=4), "SOLUSDT-AVAXUSDT": Kalman(window=4)}
SERIES = [(pair, every) for pair in PAIRS for every in ("1s", "1m")]


@pytest.fixture
def upgraded(tmp_path: Path) -> Path:
    """A folder with the old state and a config for it, of which no exchange answers."""
    with tarfile.open(STATE) as archive:
        archive.extractall(tmp_path, filter="data")
    config(tmp_path, "ws://127.0.0.1:1", "http://127.0.0.1:1")
    return tmp_path


def config(folder: Path, ws: str, rest: str) -> None:
    settings = {
        "pairs": ["BTCUSDT-ETHUSDT", {"SOLUSDT-AVAXUSDT": "kalman"}],
        "feeds": {"binance-futures": {"ws": ws, "rest": rest, "files": rest, "reconnect_max": "1s"}},
        "store": "local",
        "state": {"dir": "state"},
    }
    default = {"feed": "binance-futures", "bars": {"use": "time", "every": ["1s", "1m"]}, "regression": {"use": "ols", "window": 4}}
    kalman = {"extends": "default", "regression": {"use": "kalman", "window": 4}}
    (folder / "pipelines").mkdir(exist_ok=True)
    for name, what in (("quantd", settings), ("pipelines/default", default), ("pipelines/kalman", kalman)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(what))


@contextmanager
def reading(folder: Path) -> Iterator[Local]:
    store = Local()
    store.open_to_read(folder / "state")
    try:
        yield store
    finally:
        store.close()


def anew(store: Local, pair: str, every: str) -> list[PairPoint]:
    """An analysis of the recorded bars."""
    y, x = (store.bars(leg, every, FROM, UNTIL) for leg in pair.split("-"))
    return analyse(y, x, PairSpec(pair, every, PAIRS[pair]), guards)


def guards(plugin: Plugin, user: str) -> Guard:
    return Guard("regression", user, EventClock())


def recalling(points: list[PairPoint]) -> Callable[[int, int], list[PairPoint]]:
    return lambda start, end: points


def export(folder: Path, pair: str, every: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "quantd", "export", "points", "--pair", pair, "--every", every, "--to", str(UNTIL)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


async def told(daemon: Running, what: str, times: int) -> str:
    """The log until it has said it so often."""
    assert daemon.process.stderr
    log = ""
    while log.count(what) < times:
        line = await asyncio.to_thread(daemon.process.stderr.readline)
        assert line, log
        log += line
    return log


async def metric(session: aiohttp.ClientSession, http: str, name: str) -> float:
    async with session.get(f"{http}/metrics") as answer:
        found = re.search(rf"^{name} (\S+)$", await answer.text(), re.MULTILINE)
    assert found
    return float(found[1])


def plain(point: PairPoint) -> PairPoint:
    return msgspec.structs.replace(point, revision=0, state=None)


def test_before_the_first_start_no_old_point_is_answered(upgraded: Path) -> None:
    with reading(upgraded) as store:
        for pair, every in SERIES:
            kept = store.points(pair, every, FROM, UNTIL)
            assert {point.definition for point in kept} == {1}
            assert all(bool(point.metrics) == (every == "1s") and bool(point.state) == PAIRS[pair].recursive for point in kept)
            assert History(store).points(pair, every, FROM, UNTIL) == []
            assert History(store).outdated_points(pair, every, FROM, UNTIL) == kept
            y, x = (store.bars(leg, every, FROM, UNTIL) for leg in pair.split("-"))
            resumed = PairSeries(PairSpec(pair, every, PAIRS[pair]), guards, reopen=0, recall=recalling(kept)).add(y, x)
            assert list(map(plain, resumed)) == list(map(plain, anew(store, pair, every)))
    said = export(upgraded, "BTCUSDT-ETHUSDT", "1s")
    assert said.returncode == 2
    assert said.stdout == ""
    assert "99 points" not in said.stderr
    assert "older version" in said.stderr
    assert "start the daemon" in said.stderr


async def test_the_first_start_makes_them_anew(upgraded: Path, exchange: Exchange, start: Start) -> None:
    config(upgraded, exchange.ws, exchange.rest)
    with reading(upgraded) as store:
        old = {series: store.points(*series, FROM, UNTIL) for series in SERIES}
        wanted = {series: anew(store, *series) for series in SERIES}
    replaced = {series: {point.ts for point in wanted[series]} & {point.ts for point in old[series]} for series in SERIES}
    assert {series: len(times) for series, times in replaced.items()} == {
        (pair, every): 99 if every == "1s" else 7 for pair, every in SERIES
    }

    daemon = start(upgraded)
    async with asyncio.timeout(PATIENCE_S), aiohttp.ClientSession() as session:
        log = await told(daemon, "points rebuilt in", len(SERIES))
        assert await metric(session, daemon.http, "quantd_points_made_anew_total") == sum(map(len, replaced.values()))
        async with session.get(f"{daemon.http}/alerts") as answer:
            assert [(rule["pair"], rule["metric"], rule["value"]) for rule in await answer.json()] == [("BTCUSDT-ETHUSDT", "zscore", 50.0)]
        async with session.get(f"{daemon.http}/pairs") as answer:
            scored = [point for point in await answer.json() if point["zscore"] is not None]
    assert {(point["pair"], point["every"]) for point in scored} == set(SERIES)
    assert daemon.stop() == 0

    with reading(upgraded) as store:
        for series in SERIES:
            recorded = store.points(*series, FROM, UNTIL)
            made = [point for point in recorded if point.definition == DEFINITION]
            assert [plain(point) for point in made] == [plain(point) for point in wanted[series] if point.ts in replaced[series]]
            assert {point.revision for point in made} == {1}
            assert History(store).points(*series, FROM, UNTIL) == made
            assert [point for point in recorded if point not in made] == [
                point for point in old[series] if point.ts not in replaced[series]
            ]
            assert f"{' '.join(series)}: points of an older definition are rebuilt" in log
            assert f"{' '.join(series)}: {len(made)} points rebuilt" in log
    for pair, every in SERIES:
        rows = list(csv.DictReader(export(upgraded, pair, every).stdout.splitlines()))
        wanted_rows = [point for point in wanted[pair, every] if point.ts in replaced[pair, every]]
        assert [(int(row["ts"]), float(row["spread"])) for row in rows] == [(point.ts, point.spread) for point in wanted_rows]
        assert [float(row["zscore"]) if row["zscore"] else None for row in rows] == [point.zscore for point in wanted_rows]
        assert "adf_stat" not in rows[0]
    with State.open(upgraded / "state") as state:
        assert len([key for key in state.kept if key.startswith("definition/")]) == len(SERIES)
