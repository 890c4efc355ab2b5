"""One client's great questions hold up nobody else: the API over flows, and processes that compute."""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import BaseTestServer, TestServer

from quantd.api.app import make_app
from quantd.config.model import ApiSettings
from quantd.metrics import Metrics
from quantd.pool import Line
from quantd.runtime.metrics import register_pool_metrics
from quantd.services.live.bundle import LiveServices
from quantd.testing import fakes
from tests.unit.services.rig import rig
from tests.waiting import PATIENCE_S, until

STUCK = """
from pathlib import Path
from signal import sigtimedwait
import quantd
class Stuck(quantd.Regression):
    \"\"\"Has an answer only once a file is there, and leaves its process id.\"\"\"
    def fit(self, y, x):
        import os
        here = Path(__file__).parent
        (here / f"{os.getpid()}.pid").touch()
        while not (here / "go").exists():
            sigtimedwait([], 0.01)
        return quantd.Hedge(alpha=0.0, beta=2.0, n=len(y))
@quantd.hookimpl
def register_regressions(register):
    register("stuck", Stuck)
"""
FAIR = "/analytics/pair?pair=A-B&method=stuck&window={}"
SMALL = "/analytics/hedge-ratio?pair=A-B&window=10"


class Crowded:
    """A server, what it stands on, and clients."""

    def __init__(self, services: LiveServices, server: BaseTestServer, folder: Path) -> None:
        self.services = services
        self.great: Line = services.pool.great
        self.folder = folder
        self._server = server

    async def ask(self, path: str) -> tuple[int, Any]:
        """The answer to a client that has a connection of its own."""
        async with ClientSession(self._server.make_url("/")) as client, client.get(path) as response:
            body = await response.json()
            again = response.headers.get("Retry-After")
            return response.status, {**body, "again": again} if again else body

    def begin(self, path: str) -> "asyncio.Task[tuple[int, Any]]":
        return asyncio.create_task(self.ask(path))

    @property
    def pids(self) -> set[int]:
        """The processes that have begun to fit."""
        return {int(path.stem) for path in self.folder.glob("*.pid")}

    def go(self) -> None:
        """Let everything be fitted."""
        (self.folder / "go").touch()

    def stop(self) -> None:
        """From now on nothing is."""
        (self.folder / "go").unlink()


@asynccontextmanager
async def crowded(folder: Path, patience: float = PATIENCE_S, budget: float = PATIENCE_S) -> AsyncIterator[Crowded]:
    plugins = folder / "plugins"
    plugins.mkdir()
    (plugins / "stuck.py").write_text(STUCK)
    with rig(folder, fakes.START, budget=budget, plugins={"dirs": [str(plugins)]}) as at:
        for seed, symbol in enumerate("AB"):
            at.history.restore_bars(fakes.bars(2_500, symbol=symbol, seed=seed))
        async with TestServer(make_app(at.services, ApiSettings(), budget=patience)) as server:
            yield Crowded(at.services, server, plugins)
            await at.services.pool.close()


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Crowded]:
    async with crowded(tmp_path) as made:
        yield made


async def test_a_small_answer_does_not_wait_for_great_ones(at: Crowded) -> None:
    asking = [at.begin(FAIR.format(400 + number)) for number in range(12)]
    await until(lambda: at.great.running == 2 and at.great.waiting == 10 and len(at.pids) == 2)
    status, body = await at.ask(SMALL)
    assert (status, len(body["hedge_ratio"])) == (200, 21)
    assert (at.great.running, at.great.waiting) == (2, 10)
    for each in asking:
        each.cancel()
    await until(lambda: at.great.count.dropped == 12 and not at.great.running)
    assert (at.great.waiting, len(at.pids)) == (0, 2)
    at.go()
    assert (await at.ask(FAIR.format(500)))[0] == 200


async def test_who_leaves_does_not_take_the_answer_from_others(at: Crowded) -> None:
    asking = [at.begin(FAIR.format(400)) for _ in range(3)]
    await until(lambda: at.pids)
    asking[0].cancel()
    at.go()
    assert [status for status, _ in await asyncio.gather(*asking[1:])] == [200, 200]
    assert (at.great.count.dropped, len(at.pids)) == (0, 1)


async def test_a_process_that_is_killed_is_told_and_replaced(at: Crowded) -> None:
    asking = at.begin(FAIR.format(400))
    await until(lambda: at.pids)
    os.kill(at.pids.pop(), signal.SIGKILL)
    status, body = await asking
    assert (status, body["detail"], body["again"]) == (503, "a process that computes answers ended by itself; ask again", "1")
    at.go()
    assert (await at.ask(FAIR.format(400)))[0] == 200


async def test_what_takes_too_long_is_refused_and_ended(tmp_path: Path) -> None:
    async with crowded(tmp_path, budget=5.0) as at:
        at.go()
        window = 401
        while (await at.ask(FAIR.format(window)))[0] != 200:  # it begins slowly on a busy machine
            window += 1
        at.stop()
        status, body = await at.ask(FAIR.format(400))
        assert (status, body["again"]) == (503, "60")
        assert body["detail"] == "too dear: this takes more than 5 s; ask for a shorter window or fewer bars"
        assert (at.great.running, at.services.pool.workers.processes) == (0, [])


async def test_whose_turn_does_not_come_is_told_so(tmp_path: Path) -> None:
    async with crowded(tmp_path, patience=1.0) as at:
        asking = [at.begin(FAIR.format(400 + number)) for number in range(4)]
        answers = await asyncio.gather(*asking)
        assert {status for status, _ in answers} == {503}
        late = ("ahead; ask again later", "its turn came too late; ask again")  # it may come as the time of all is up
        assert any(body["detail"].endswith(late) for _, body in answers), answers
        await until(lambda: not at.great.running)


async def test_a_backtest_of_a_plugin_of_others(at: Crowded) -> None:
    at.go()
    status, body = await at.ask("/backtest?pair=A-B&method=stuck&window=400&limit=500")
    assert (status, len(body["equity"]) > 0, len(at.pids)) == (200, True, 1)
    assert at.pids != {os.getpid()}


async def test_answers_do_not_wait_for_the_daemons_own_threads(at: Crowded) -> None:
    may_end = threading.Event()
    repairs = [asyncio.create_task(asyncio.to_thread(may_end.wait)) for _ in range(64)]
    try:
        assert (await at.ask(SMALL))[0] == 200
        assert (await at.ask("/data/A?tf=1m"))[0] == 200
    finally:
        may_end.set()
        await asyncio.gather(*repairs)


async def test_metrics(at: Crowded) -> None:
    metrics = Metrics()
    register_pool_metrics(at.services.pool, metrics)
    asking = at.begin(FAIR.format(400))
    await until(lambda: at.pids)
    text = metrics.render()[0].decode()
    for line in ('quantd_questions_running{line="great"} 1.0', 'quantd_questions_waiting{line="great"} 0.0', "quantd_workers 1.0"):
        assert line in text
    asking.cancel()
    await until(lambda: 'quantd_questions_dropped_total{line="great"} 1.0' in metrics.render()[0].decode())
