"""The Python client while its connections are cut and the daemon restarts: what the record has comes once, or in a named hole."""

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest

from quantd.times import iso
from tests.followers import Follower, cut_often, faults, follow, rows_of
from tests.relay import Relay
from tests.waiting import PATIENCE_S, until

from .conftest import Running, Start
from .test_daemon import get
from .test_restart import begun, now

STOPS = (signal.SIGTERM, signal.SIGKILL)


async def disturbed(
    folder: Path, start: Start, *, clients: int, restarts: int, cuts: int, rng: random.Random
) -> tuple[list[str], list[Follower]]:
    """Let clients follow a daemon that restarts, over connections that are cut. Return what is wrong with what they got."""
    daemon: Running = await asyncio.to_thread(start, folder)
    since = iso(now())
    async with Relay.to(daemon.listen) as relay:
        followers = [follow(relay.url, number, since if rng.random() < 0.5 else None) for number in range(clients)]
        async with asyncio.timeout(PATIENCE_S):
            await until(lambda: all(each.rows or each.failure for each in followers))
        for number in range(restarts):
            await cut_often(relay, followers, cuts // restarts, rng)
            await asyncio.to_thread(daemon.stop, STOPS[number % 2])
            daemon = await (begun(start, folder) if number == restarts - 1 else asyncio.to_thread(start, folder))
            relay.point_at(daemon.listen)
        assert relay.cuts == cuts
        before = rows_of(followers)
        await until(lambda: rows_of(followers) > before + 20 * clients)
        last = (await get(daemon, "/data/AVAXUSDT?tf=1s&limit=2"))[0]["ts"]
        wrong = await faults(followers, last)
        for each in followers:
            await each.close()
    return wrong, followers


async def test_each_row_comes_once_across_restarts(folder: Path, start: Start) -> None:
    wrong, followers = await disturbed(folder, start, clients=6, restarts=2, cuts=10, rng=random.Random(1))
    assert wrong == []
    assert [each.name for each in followers if each.holes] == []


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("clients", "cuts", "restarts"),
    [pytest.param(20, 160, 4, marks=pytest.mark.chaos), pytest.param(50, 1_000, 20, marks=pytest.mark.soak)],
)
async def test_each_row_comes_once_to_many_clients_in_many_cuts(folder: Path, start: Start, clients: int, cuts: int, restarts: int) -> None:
    seed = int(os.environ.get("QUANTD_CHAOS_SEED", "1"))
    wrong, followers = await disturbed(folder, start, clients=clients, restarts=restarts, cuts=cuts, rng=random.Random(seed))
    assert wrong == [], f"seed {seed}"
    holes = [f"{each.name}: {hole}" for each in followers for hole in each.holes]
    print(f"{rows_of(followers)} rows, {len(holes)} holes", *holes[:20], sep="\n")
