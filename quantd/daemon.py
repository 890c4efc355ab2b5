"""The daemon's life: start, serve, drain."""

import asyncio
import logging
import os
import random
import signal
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack

import msgspec
from aiohttp import web

from quantd.api.app import make_app
from quantd.clock import Clock, SystemClock
from quantd.compose import build
from quantd.config.load import Loaded
from quantd.errors import QuantdError
from quantd.flow.pipeline import FeedFlow, Upgrade
from quantd.jobs import Jobs
from quantd.live import LiveDesk
from quantd.measures import measure
from quantd.metrics import Metrics
from quantd.notify import notify, watchdog_seconds
from quantd.plugin.base import DaemonView
from quantd.runtime import Runtime
from quantd.state import Shelf, State

_log = logging.getLogger("quantd.daemon")
_DRAIN_S = 5.0
_BEAT_S = 0.25
_CONNECT_S = 2.0
_WARM_S = 60.0
_LONGEST_PAUSE_S = 60.0


class Daemon:
    """Everything that runs while `quantd run` does."""

    def __init__(self, loaded: Loaded, listen: str | None = None) -> None:
        self.clock: Clock = SystemClock()
        self.metrics = Metrics()
        self.stopping = asyncio.Event()
        self._warm = asyncio.Event()
        self.runtime: Runtime
        self.desk: LiveDesk
        self._loaded = loaded
        try:
            self._api = msgspec.structs.replace(loaded.config.api, listen=listen) if listen else loaded.config.api
        except ValueError as error:
            raise QuantdError(f"--{error}") from None

    @property
    def listen(self) -> str:
        """Where the API is served."""
        return self._api.listen

    async def run(self, ready: Callable[["Daemon"], None] = lambda daemon: None) -> None:
        """Serve until `stopping` is set. Raises QuantdError if it cannot begin, StateLocked if another daemon has the state."""
        config = self._loaded.config
        async with AsyncExitStack() as stack:
            state = stack.enter_context(State.open(config.state_dir))
            self.runtime = build(config, self._loaded.registry, self.clock, config.state_dir, warm=True)
            self.runtime.outlets.records = state.records
            for flow in self.runtime.flows:
                flow.kept = Shelf(state.kept, f"feed/{flow.name}/")
                flow.directory = config.state_dir / "raw" / flow.name
            self.desk = LiveDesk(self.runtime, config, self._loaded.registry, self.clock, state)
            measure(self.runtime, self.metrics, self.clock)
            upgrade = Upgrade(self.runtime.outlets, self.runtime.pairs, self.clock, Shelf(state.kept, "definition/"))
            await stack.enter_async_context(self.runtime.opened())
            stack.push_async_callback(self._drain, await self._serve(), self._start_tasks(upgrade), self._start_jobs())
            ready(self)
            _log.info("serving on %s", self._api.listen)
            await self._warm_up()
            self._warm.set()
            notify("READY=1", f"STATUS=serving on {self._api.listen}")
            _log.info("ready: %s", ", ".join(f"{flow.name} is {flow.state}" for flow in self.runtime.flows) or "no feed")
            await self.stopping.wait()
            _log.info("stopping")
            asyncio.get_running_loop().call_later(_DRAIN_S, _give_up)
            notify("STOPPING=1")

    async def _warm_up(self) -> None:
        """Return when all symbols have their past, or the feeds are not there to tell it, or it takes too long: the API serves anyway."""
        since = self.clock.monotonic()
        while not self.stopping.is_set() and (progress := _warming(self.runtime.flows, self.clock.monotonic() - since)):
            notify(f"STATUS=warming {progress}")
            await asyncio.sleep(_BEAT_S)

    async def _serve(self) -> web.AppRunner:
        runner = web.AppRunner(make_app(self.desk, self._api, self.metrics.render), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        host, _, port = self._api.listen.rpartition(":")
        try:
            await web.TCPSite(runner, host.strip("[]"), int(port)).start()
        except OSError as error:
            await runner.cleanup()
            raise QuantdError(
                f"cannot listen on {self._api.listen}: {error.strerror}; choose another with `api.listen` or --listen"
            ) from error
        return runner

    def _start_tasks(self, upgrade: Upgrade) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(supervise(flow), name=f"feed {flow.name}") for flow in self.runtime.flows]
        beside = (self._beat(), self._learn(), upgrade.run(self._warm))
        return [*tasks, *map(asyncio.create_task, beside)]

    def _start_jobs(self) -> Jobs:
        config, guards = self._loaded.config, self.runtime.guards
        jobs = Jobs([(stage, guards(stage.job, "daemon")) for stage in config.jobs], lambda: DaemonView(self.clock.now(), config.store))
        jobs.start()
        return jobs

    async def _drain(self, runner: web.AppRunner, tasks: list[asyncio.Task[None]], jobs: Jobs) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=_DRAIN_S / 2)
        await asyncio.gather(runner.cleanup(), jobs.stop(_DRAIN_S / 2))
        self.desk.save()

    async def _beat(self) -> None:
        """Measure how late the loop is, and tell the watchdog that it turns."""
        period = min(_BEAT_S, watchdog_seconds() or _BEAT_S)
        while True:
            before = self.clock.monotonic()
            await asyncio.sleep(period)
            self.metrics.loop_lag.observe(max(0.0, self.clock.monotonic() - before - period))
            notify("WATCHDOG=1")
            self.desk.save()
            if self.runtime.outlets.recorder:  # also while the feed is silent
                await self.runtime.outlets.recorder.write_if_due()

    async def _learn(self) -> None:
        """Learn what the exchange lists; a feed that is down now is asked again."""
        pause = 1.0
        while True:
            try:
                await self.desk.learn_symbols()
                return
            except Exception as error:
                _log.warning("cannot learn what the exchange lists, asking again in %.0f s: %s", pause, error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)


def _warming(flows: Sequence[FeedFlow], waited: float) -> str | None:
    """How far the flows that are there have come, `n/N` symbols, while it is worth waiting for; `waited` is in seconds."""
    there = [flow for flow in flows if flow.state == "live" or waited < _CONNECT_S]
    warm, symbols = sum(flow.warm for flow in there), sum(flow.symbols for flow in there)
    return f"{warm}/{symbols}" if warm < symbols and waited < _WARM_S else None


def _give_up() -> None:
    """Something hangs in a thread that nothing can end but this."""
    _log.error("not drained within %.0f s: leaving what hangs", _DRAIN_S)
    os._exit(1)


async def supervise(flow: FeedFlow) -> None:
    """Run a feed for ever: one that fails is started again, after a pause that grows with each failure within a minute."""
    pause = 1.0
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        try:
            await flow.run()
            _log.info("feed %s has come to its end", flow.name)
            return
        except QuantdError as error:
            _log.error("feed %s: %s", flow.name, error)
        except Exception:
            _log.exception("feed %s failed", flow.name)
        if loop.time() - began > _LONGEST_PAUSE_S:
            pause = 1.0
        await asyncio.sleep(random.uniform(0, pause))
        pause = min(2 * pause, _LONGEST_PAUSE_S)


Narrator = Callable[[Daemon], Coroutine[None, None, None]]


def run_until_signal(make: Callable[[], Daemon], seconds: float | None = None, narrate: Narrator | None = None) -> None:
    """Run a daemon until SIGINT, SIGTERM or SIGHUP, or for some seconds; `narrate` runs beside it. The second signal leaves at once."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_until_signal(make, seconds, narrate))


async def _until_signal(make: Callable[[], Daemon], seconds: float | None, narrate: Narrator | None) -> None:
    loop = asyncio.get_running_loop()
    daemon = make()
    beside: list[asyncio.Task[None]] = []

    def stop(number: int) -> None:
        if daemon.stopping.is_set():
            os._exit(128 + number)
        daemon.stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop, number)
    if seconds is not None:
        loop.call_later(seconds, daemon.stopping.set)

    def ready(daemon: Daemon) -> None:
        if narrate:
            beside.append(loop.create_task(narrate(daemon)))

    try:
        await daemon.run(ready)
    finally:
        for task in beside:
            task.cancel()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        from uvloop import new_event_loop
    except ImportError:
        return asyncio.new_event_loop
    return new_event_loop
