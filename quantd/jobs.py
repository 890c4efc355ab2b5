"""Daemon-wide jobs, run by APScheduler: each in a thread, one run at a time, a late run made up for once."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from quantd.config.model import DaemonJobStage
from quantd.plugin.base import DaemonView
from quantd.plugin.guard import Guard

_log = logging.getLogger("quantd.jobs")
_SETTINGS = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}


class Jobs:
    """The schedule of a daemon. Needs a running loop."""

    def __init__(self, stages: Sequence[tuple[DaemonJobStage, Guard]], view: Callable[[], DaemonView]) -> None:
        self._view = view
        self._running: set[asyncio.Task[None]] = set()
        self._scheduler = AsyncIOScheduler(timezone="UTC", job_defaults=_SETTINGS)
        for stage, guard in stages:
            self._scheduler.add_job(self._run, "interval", [stage, guard], seconds=stage.every / 1000)

    def start(self) -> None:
        self._scheduler.start()

    async def stop(self, patience: float) -> None:
        """Start nothing more, and wait up to `patience` seconds for what runs: the scheduler itself would cancel it."""
        self._scheduler.pause()
        if self._running:
            await asyncio.wait(self._running, timeout=patience)
        self._scheduler.shutdown(wait=False)

    async def _run(self, stage: DaemonJobStage, guard: Guard) -> None:
        task = asyncio.current_task()
        if task:
            self._running.add(task)
        try:
            done = await asyncio.to_thread(guard.call, stage.job.run, self._view())
            if done and any(done.values()):
                _log.info("%s: %s", guard.name, ", ".join(f"{name} {value:g}" for name, value in done.items() if value))
        finally:
            if task:
                self._running.discard(task)
