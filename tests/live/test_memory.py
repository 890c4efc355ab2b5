"""What requests cost the daemon in memory: a compiler of numerics, and libraries of statistics, never enter its process."""

import re
from pathlib import Path

import aiohttp

from .conftest import Running, Start

METHODS = ("OLS", "HUBER", "THEIL-SEN", "KALMAN", "QUANTILE", "TLS", "RIDGE", "RLS")
WINDOWS = (60, 240)
MOST_MIB = 200.0
FOREIGN = re.compile(r"numba|llvmlite|scipy/|pandas|statsmodels|sklearn")


async def ask(daemon: Running, times: int) -> list[int]:
    """Request each method and window that often, each over bars of its own so that no answer is known, and return the statuses."""
    found = []
    async with aiohttp.ClientSession(daemon.http) as session:
        for method in METHODS:
            for window in (each + more for each in WINDOWS for more in range(times)):
                async with session.get(f"/analytics/pair?pair=BTCUSDT-ETHUSDT&tf=1m&method={method}&window={window}") as response:
                    await response.read()
                    found.append(response.status)
    return found


def mapped(pid: int) -> set[str]:
    """The files of libraries that are loaded into a process."""
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return {path for path in (line.split(maxsplit=5)[-1] for line in maps) if FOREIGN.search(path)}


def rss_mib(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


async def test_requests_of_every_method_load_no_compiler_and_little_memory(folder: Path, start: Start) -> None:
    daemon = start(folder)
    statuses = await ask(daemon, 5)
    assert set(statuses) == {200}
    assert mapped(daemon.process.pid) == set()
    assert rss_mib(daemon.process.pid) < MOST_MIB
