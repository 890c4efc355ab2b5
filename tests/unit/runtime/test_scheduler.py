"""Jobs go by the time that passes, whatever the wall clock is set to."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

import quantd
from quantd.config.model import DaemonJobStage
from quantd.plugin.base import DaemonView
from quantd.plugin.guard import Guard
from quantd.runtime.scheduler import Jobs
from quantd.timeframes import DAY, HOUR
from tests.clocks import HostClock
from tests.waiting import PATIENCE_S


class Noted(quantd.DaemonJob):
    """Says that it runs."""

    def __post_init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.ran = asyncio.Event()
        self.ended = asyncio.Event()
        self.runs = 0

    def run(self, view: quantd.DaemonView) -> Mapping[str, float | None]:
        self.runs += 1
        self.loop.call_soon_threadsafe(self.ran.set)
        return {}


@asynccontextmanager
async def scheduled(clock: HostClock) -> AsyncIterator[tuple[Noted, Jobs]]:
    """A job of every hour, on a schedule that goes by the machine's real clock but is told of `clock`."""
    job = Noted()
    jobs = Jobs([(DaemonJobStage(HOUR, job), Guard("job", "noted", clock))], lambda: DaemonView(0, None), clock, job.ended.set)
    jobs.start()
    try:
        yield job, jobs
    finally:
        await jobs.stop(1.0)


async def test_a_schedule_goes_back_with_the_clock() -> None:
    """By the clock as it was set the job would be due in an hour: two hours after it was begun."""
    clock = HostClock()
    async with scheduled(clock) as (job, jobs):
        clock.wall -= HOUR
        jobs.follow()
        await asyncio.wait_for(job.ran.wait(), PATIENCE_S)
        jobs.follow()
        assert job.runs == 1, "the next run is an hour on"
        await asyncio.wait_for(job.ended.wait(), PATIENCE_S)


@pytest.mark.parametrize("set_by", [0, 900, 2 * DAY])
async def test_a_schedule_goes_ahead_with_the_clock(set_by: int) -> None:
    clock = HostClock()
    async with scheduled(clock) as (job, jobs):
        clock.go_on(1800)
        clock.wall += set_by
        jobs.follow()
        [due] = jobs.due()
        assert not job.runs
        assert (due.timestamp() - wall()) * 1000 == pytest.approx(HOUR + (set_by if set_by > 1000 else 0), abs=60_000)


def wall() -> float:
    return quantd.Subscription(()).clock.now() / 1000
