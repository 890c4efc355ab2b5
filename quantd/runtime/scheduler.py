"""Runs daemon-wide jobs with APScheduler: each in a thread, one run at a time. Missed runs are made up for by a single run.

APScheduler uses the wall clock. If that clock is set, the schedule is moved along: an hourly job runs each hour that passes.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from quantd.clock import Clock
from quantd.config.model import DaemonJobStage
from quantd.plugin import answers
from quantd.plugin.base import DaemonView
from quantd.plugin.guard import Guard

_LOOK_S = 1.0
_SET_MS = 1_000
"""The wall clock has been set if it differs from the monotonic clock by this much (ms) more than before."""
_log = logging.getLogger("quantd.jobs")
_SETTINGS = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}


class Jobs:
    """The schedule of a daemon. It needs a running loop."""

    def __init__(
        self,
        stages: Sequence[tuple[DaemonJobStage, Guard]],
        view: Callable[[], DaemonView],
        clock: Clock,
        ran: Callable[[], None] = lambda: None,
    ) -> None:
        """`ran` is called after each run: the job may have changed the store."""
        self._view = view
        self._ran = ran
        self._clock = clock
        self._apart = self._wall_ahead()
        self._following: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._scheduler = AsyncIOScheduler(timezone="UTC", job_defaults=_SETTINGS)
        for stage, guard in stages:
            self._scheduler.add_job(self._run, "interval", [stage, guard], seconds=stage.every / 1000)

    def start(self) -> None:
        self._scheduler.start()
        self._following = asyncio.create_task(self._keep_following(), name="jobs' clock")

    async def stop(self, patience: float) -> None:
        """Start no more jobs, and wait up to `patience` seconds for running ones, which the scheduler itself would cancel."""
        self._scheduler.pause()
        if self._following:
            self._following.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=patience)
        self._scheduler.shutdown(wait=False)

    async def _keep_following(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                self.follow()
            except Exception:
                _log.exception("the schedule of jobs cannot go with the clock")

    def follow(self) -> None:
        """Move the schedule by as much as the wall clock was set since the last call."""
        step = self._wall_ahead() - self._apart
        if abs(step) < _SET_MS:
            return
        self._apart += step
        _log.info("this host's clock was set by %+.1f s: the schedule goes with it", step / 1000)
        for job in self._scheduler.get_jobs():
            job.modify(next_run_time=job.next_run_time + timedelta(milliseconds=step))

    def due(self) -> list[datetime]:
        """Return when the jobs run next, by the wall clock."""
        return [job.next_run_time for job in self._scheduler.get_jobs()]

    def _wall_ahead(self) -> float:
        """Return how far the wall clock is ahead of the monotonic clock, ms."""
        return self._clock.now() - self._clock.monotonic() * 1000

    async def _run(self, stage: DaemonJobStage, guard: Guard) -> None:
        task = asyncio.current_task()
        if task:
            self._running.add(task)
        try:
            done = await asyncio.to_thread(guard.call, answers.counts, stage.job.run, self._view())
            if done and any(done.values()):
                _log.info("%s: %s", guard.name, ", ".join(f"{name} {value:g}" for name, value in done.items() if value))
        finally:
            self._ran()
            if task:
                self._running.discard(task)
