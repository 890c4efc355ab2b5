"""Processes that compute answers end with their daemon, however that ends. The plugin here never lets one begin to answer."""

import asyncio
import signal
from pathlib import Path

import aiohttp

from tests.waiting import PATIENCE_S, alive, until

from .conftest import Running, Start

ENDLESS = """
import os, signal, sys
from pathlib import Path
import quantd
if "quantd.daemon" not in sys.modules:
    (Path(__file__).parent / f"{os.getpid()}.pid").touch()
    while True:
        signal.pause()
class Endless(quantd.Regression):
    \"\"\"No answer.\"\"\"
    def fit(self, y, x):
        return None
@quantd.hookimpl
def register_regressions(register):
    register("endless", Endless)
"""
PATH = "/analytics/pair?pair=BTCUSDT-ETHUSDT&method=endless&window=2000"


async def asked(daemon: Running) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(daemon.http + PATH) as response:
        return response.status, (await response.json())["detail"]


def pids(folder: Path) -> list[int]:
    """The processes that have begun."""
    return [int(path.stem) for path in folder.glob("plugins/*.pid")]


async def computing(folder: Path, daemon: Running) -> tuple["asyncio.Task[tuple[int, str]]", int]:
    """A question, and the process that computes it."""
    asking = asyncio.create_task(asked(daemon))
    await until(lambda: asking.done() or pids(folder))
    (pid,) = pids(folder)
    return asking, pid


async def test_a_stop_ends_questions_and_their_processes(folder: Path, start: Start) -> None:
    (folder / "plugins").mkdir()
    (folder / "plugins/endless.py").write_text(ENDLESS)
    daemon = start(folder)
    asking, pid = await computing(folder, daemon)
    assert await asyncio.to_thread(daemon.stop) == 0
    assert await asking == (503, "quantd stops")
    assert not alive(pid)


async def test_processes_do_not_outlive_a_daemon_that_is_killed(folder: Path, start: Start) -> None:
    (folder / "plugins").mkdir()
    (folder / "plugins/endless.py").write_text(ENDLESS)
    daemon = start(folder)
    asking, pid = await computing(folder, daemon)
    await asyncio.to_thread(daemon.stop, signal.SIGKILL)
    await asyncio.wait([asking])
    asking.exception()
    await until(lambda: not alive(pid))


async def test_a_question_whose_client_has_gone_is_dropped(folder: Path, start: Start) -> None:
    (folder / "plugins").mkdir()
    (folder / "plugins/endless.py").write_text(ENDLESS)
    daemon = start(folder)
    asking, _ = await computing(folder, daemon)
    asking.cancel()
    async with asyncio.timeout(PATIENCE_S), aiohttp.ClientSession() as session:
        told = ""
        while not all(f"quantd_questions_{line}.0\n" in told for line in ('dropped_total{line="great"} 1', 'running{line="great"} 0')):
            async with session.get(f"{daemon.http}/metrics") as response:
                told = await response.text()
