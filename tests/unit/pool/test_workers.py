"""Processes that answer: each test has real ones."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from quantd.clock import EventClock
from quantd.pool import Busy, Workers
from quantd.pool.workers import Failed
from quantd.supervision.troubles import Troubles
from tests.conftest import ROOT
from tests.waiting import alive, until

PREPARE = "tests.unit.pool.obeying:prepare"
OWNER = """
import asyncio
from quantd.clock import EventClock
from quantd.pool import Workers
from quantd.supervision.troubles import Troubles

async def main():
    workers = Workers("tests.unit.pool.obeying:prepare", b"", Troubles(EventClock()))
    print((await workers.run(b"pid")).decode(), flush=True)
    await workers.run(b"hang")

asyncio.run(main())
"""


@pytest.fixture
def troubles() -> Troubles:
    return Troubles(EventClock())


@pytest.fixture
async def workers(troubles: Troubles) -> AsyncIterator[Workers]:
    made = Workers(PREPARE, b"given ", troubles, most_idle=1)
    yield made
    made.close()


@pytest.fixture
async def no_descriptors_left() -> AsyncIterator[None]:
    """For this process, whose loop runs already."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


async def pid_of(workers: Workers) -> int:
    return int(await workers.run(b"pid"))


async def test_one_process_answers_what_comes_one_by_one(workers: Workers) -> None:
    large = os.urandom(3_000_000)
    assert await workers.run(large) == b"given " + large
    pid = await pid_of(workers)
    assert [await pid_of(workers), *workers.processes] == [pid, pid]
    assert pid != os.getpid()


async def test_two_answer_two_at_a_time_and_as_many_rest_as_may(workers: Workers) -> None:
    first, second = await asyncio.gather(pid_of(workers), pid_of(workers))
    assert first != second
    await until(lambda: len(workers.processes) == 1)


@pytest.mark.parametrize(("frame", "text"), [(b"raise", "ValueError: no such bars"), (b"exit", "SystemExit: of a plugin")])
async def test_what_is_raised_there_is_told_here(workers: Workers, frame: bytes, text: str) -> None:
    pid = await pid_of(workers)
    with pytest.raises(Failed, match=text):
        await workers.run(frame)
    assert (await pid_of(workers), workers.lost) == (pid, 0)


async def test_one_that_dies_is_replaced(workers: Workers, troubles: Troubles) -> None:
    pid = await pid_of(workers)
    with pytest.raises(Busy, match="ended by itself"):
        await workers.run(b"die")
    assert (workers.processes, workers.lost) == ([], 1)
    assert [trouble.what for trouble in troubles.present()] == ["tasks"]
    assert await pid_of(workers) != pid
    assert troubles.present() == []


async def test_one_that_is_killed_while_it_rests_is_not_missed(workers: Workers) -> None:
    pid = await pid_of(workers)
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not alive(pid))
    assert await pid_of(workers) != pid


async def test_what_is_cancelled_is_ended(workers: Workers) -> None:
    pid = await pid_of(workers)
    hanging = asyncio.create_task(workers.run(b"hang"))
    await until(lambda: not workers._idle)
    hanging.cancel()
    await until(lambda: not alive(pid))
    assert await pid_of(workers) != pid
    assert workers.lost == 0


async def test_one_that_begins_in_vain_is_kept_for_the_next(workers: Workers) -> None:
    asking = asyncio.create_task(workers.run(b"pid"))
    await until(lambda: workers.processes)
    asking.cancel()
    await asyncio.wait([asking])
    (pid,) = workers.processes
    assert await pid_of(workers) == pid
    both = [asyncio.create_task(pid_of(workers)) for _ in range(2)]
    await until(lambda: len(workers.processes) == 2)
    both[1].cancel()
    await asyncio.wait(both)
    await until(lambda: not workers._unwanted and len(workers.processes) == 1)


async def test_one_that_has_rested_for_long_goes(troubles: Troubles) -> None:
    workers = Workers(PREPARE, b"", troubles, idle=0.0)
    pid = await pid_of(workers)
    await until(lambda: not workers.processes and not alive(pid))
    assert await pid_of(workers) != pid
    workers.close()


async def test_one_that_cannot_begin_is_told(troubles: Troubles) -> None:
    workers = Workers("tests.unit.pool.nowhere:prepare", b"", troubles)
    with pytest.raises(Busy, match="cannot begin"):
        await workers.run(b"pid")
    assert "cannot begin" in troubles.present()[0].text
    workers.close()


@pytest.mark.usefixtures("no_descriptors_left")
async def test_one_for_which_there_are_no_descriptors_is_told(troubles: Troubles) -> None:
    workers = Workers(PREPARE, b"", troubles)
    with pytest.raises(Busy, match="cannot begin"):
        await workers.run(b"pid")
    assert "cannot begin" in troubles.present()[0].text
    workers.close()


async def test_all_end_with_the_pool(workers: Workers) -> None:
    pid = await pid_of(workers)
    hanging = asyncio.create_task(workers.run(b"hang"))
    await until(lambda: not workers._idle)
    workers.close()
    await until(lambda: not alive(pid))
    with pytest.raises(Busy):
        await hanging


async def test_none_outlives_its_owner() -> None:
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", OWNER, cwd=ROOT, stdout=subprocess.PIPE)
    assert owner.stdout
    pid = int(await owner.stdout.readline())
    assert alive(pid)
    owner.kill()
    await owner.wait()
    await until(lambda: not alive(pid))
