"""The life of the daemon: start, serve, drain."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from functools import partial

from aiohttp import web

from quantd.api.access.gate import Gate
from quantd.api.access.listening import served
from quantd.api.app import make_app
from quantd.api.server import connections
from quantd.clock import Clock, MarketClock, SystemClock
from quantd.config.load import Loaded
from quantd.errors import QuantdError
from quantd.flow.feed import FeedFlow
from quantd.flow.repair.upgrade import Upgrade
from quantd.flow.warm_line import Warming
from quantd.metrics import Metrics
from quantd.plugin.base import DaemonView
from quantd.runtime import garbage
from quantd.runtime.build import Lasting, build
from quantd.runtime.checkup import Checkup
from quantd.runtime.heartbeat import Heartbeat
from quantd.runtime.listings import Listings
from quantd.runtime.metrics import register_metrics, register_pool_metrics
from quantd.runtime.runtime import Runtime
from quantd.runtime.scheduler import Jobs
from quantd.services.live.bundle import LiveServices, live_services
from quantd.services.live.calculator import make_pool
from quantd.services.status import FeedState
from quantd.state import Prefixed, State
from quantd.supervision.losses import Losses
from quantd.supervision.signals import leave, obeyed
from quantd.supervision.systemd import notify, watchdog_seconds
from quantd.supervision.troubles import Troubles
from quantd.tokens import TokenFile, Tokens

_log = logging.getLogger("quantd.daemon")
_DRAIN_S = 5.0
_LONGEST_DRAIN_S = 15.0
"""Longest drain (s). Draining takes longer on a busy machine; whatever has not ended by then hangs."""
_BEAT_S = 0.25
_CONNECT_S = 2.0
_WARM_S = 300.0
"""Longest wait (s) for the past of all symbols."""
_TOLD_EVERY_S = 10.0
_EXTENDED_US = 60_000_000
"""Time (µs) that the service manager is asked to give the start from each status on."""


class Daemon:
    """The daemon, which runs while `quantd run` does."""

    def __init__(self, loaded: Loaded, listen: str | None = None, auth: str | None = None) -> None:
        self.clock: Clock = SystemClock()
        self.metrics = Metrics()
        self.troubles = Troubles(self.clock)
        self.losses = Losses(self.troubles, self.clock)
        self.stopping = asyncio.Event()
        self._warm = asyncio.Event()
        self.runtime: Runtime
        self.services: LiveServices
        self._loaded = loaded
        self._api = served(loaded.config.api, listen, auth, tokens=TokenFile(loaded.config.state_dir).is_there())

    @property
    def listen(self) -> str:
        """The address that the API is served on."""
        return self._api.listen

    async def run(self, ready: Callable[["Daemon"], None] = lambda daemon: None) -> None:
        """Serve until `stopping` is set. Raises QuantdError if the daemon cannot start."""
        config = self._loaded.config
        for fault in self._loaded.registry.faults:
            _log.warning("%s: %s", fault.source, fault.message)
        async with AsyncExitStack() as stack:
            state = stack.enter_context(State.open(config.state_dir, self.losses))
            lasting = Lasting(self.troubles, self.losses, state)
            self.runtime = build(config, self._loaded.registry, self.clock, config.state_dir, warm=True, lasting=lasting)
            self.runtime.outputs.tell_losses()
            asyncio.get_running_loop().set_exception_handler(self.runtime.outputs.supervisor.unhandled)
            market = MarketClock(self.clock, self.runtime.venue_time)
            pool = make_pool(self._loaded.registry, config.log, self.troubles, kernels=config.state_dir / "kernels")
            stack.push_async_callback(pool.gone)
            self.services = live_services(self.runtime, config, self._loaded.registry, market, state, pool)
            self._checkup = Checkup(self.runtime, config.state_dir, self.clock)
            register_metrics(self.runtime, self.metrics, market)
            register_pool_metrics(pool, self.metrics)
            upgrade = Upgrade(self.runtime.outputs, self.runtime.pairs, self.clock, Prefixed(state.kept, "definition/"))
            if watch := self.runtime.guards.watch:
                watch.start(asyncio.get_running_loop())
                stack.callback(watch.stop)
            await stack.enter_async_context(self.runtime.opened())
            stack.push_async_callback(self._drain, await self._serve(), self._start_tasks(upgrade), self._start_jobs(market))
            ready(self)
            _log.info("serving on %s", self._api.listen)
            await self._warm_up()
            self._warm.set()
            garbage.spare()
            notify("READY=1", f"STATUS=serving on {self._api.listen}")
            _log.log(*_standing(self.services.status.feeds()))
            await self.stopping.wait()
            _log.info("stopping")
            asyncio.get_running_loop().call_later(_LONGEST_DRAIN_S, _give_up)
            notify("STOPPING=1")

    async def _warm_up(self) -> None:
        """Return when all symbols have their past, or no feed can deliver it, or it takes too long: the API serves anyway."""
        since = self.clock.monotonic()
        due = since + _TOLD_EVERY_S
        while not self.stopping.is_set() and (progress := _warming(self.runtime.flows, self.clock.monotonic() - since)):
            notify(f"STATUS=warming {progress}", f"EXTEND_TIMEOUT_USEC={_EXTENDED_US}")
            if self.clock.monotonic() >= due:
                due = self.clock.monotonic() + _TOLD_EVERY_S
                _log.info("warming %s", progress)
            await asyncio.sleep(_BEAT_S)

    async def _serve(self) -> web.AppRunner:
        gate = Gate(self._api, Tokens(self._loaded.config.state_dir, self.troubles), self.troubles, self.clock)
        runner = connections.Runner(make_app(self.services, self._api, self.metrics.render, gate=gate), shutdown_timeout=1.0)
        await runner.setup()
        connections.measure(runner.connections, self.metrics)
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
        config = self._loaded.config
        start = self.runtime.outputs.supervisor.start
        feeds = [start(f"feed {flow.name}", flow.run) for flow in self.runtime.flows]
        listings = Listings(self.runtime.flows, self._loaded.named, self.troubles, self.services.learn_symbols)
        beside: dict[str, Callable[[], Awaitable[None]]]
        beside = {
            "heartbeat": self._beat,
            "housekeeping": self._keep_house,
            "listings": listings.run,
            "upgrade of points": partial(upgrade.run, self._warm),
        }
        if config.heartbeat.send:
            beats = Heartbeat(self.runtime, config.sinks, config.heartbeat, self.clock)
            beside["heartbeat to sinks"] = partial(beats.run, self._warm)
        return feeds + [start(name, work) for name, work in beside.items()]

    def _start_jobs(self, market: Clock) -> Jobs:
        config, guards = self._loaded.config, self.runtime.guards
        stages = [(stage, guards(stage.job, "daemon")) for stage in config.jobs]
        jobs = Jobs(stages, lambda: DaemonView(market.now(), config.store), self.clock, self.runtime.outputs.history.store_changed)
        jobs.start()
        return jobs

    async def _drain(self, runner: web.AppRunner, tasks: list[asyncio.Task[None]], jobs: Jobs) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=_DRAIN_S / 2)
        ends = self.services.pool.close(), runner.cleanup(), self.services.database.close(), jobs.stop(_DRAIN_S / 2)
        for ended in await asyncio.gather(*ends, return_exceptions=True):
            if ended:
                _log.error("not all has come to its end: %s", ended, exc_info=ended)
        self.services.alerts.save()
        self.services.rules.save()

    async def _beat(self) -> None:
        """Measure how late the loop is, and send the watchdog a sign of life."""
        period = min(_BEAT_S, watchdog_seconds() or _BEAT_S)
        while True:
            before = self.clock.monotonic()
            await asyncio.sleep(period)
            self.metrics.loop_lag.observe(max(0.0, self.clock.monotonic() - before - period))
            notify("WATCHDOG=1")

    async def _keep_house(self) -> None:
        """Four times a second: save changes, check what runs, drop symbols without a holder."""
        while True:
            await asyncio.sleep(_BEAT_S)
            outputs = self.runtime.outputs
            if self._warm.is_set():
                outputs.tell(outputs.alerts.advance())
            outputs.dispatcher.advance(self.services.status.now())
            self.services.alerts.save_soon()
            self.services.rules.save()
            for flow in self.runtime.flows:
                flow.clock.look()
            self.services.symbols.sweep()
            self._checkup.look()
            self.runtime.outputs.tell_losses()
            self.runtime.outputs.save_late()
            if self.runtime.outputs.recorder:  # also while the feed is silent
                self.runtime.outputs.recorder.begin_if_due()


def _warming(flows: Sequence[FeedFlow], waited: float) -> Warming | None:
    """Return the progress of the connected flows, while it is worth waiting; None otherwise. `waited` is in seconds."""
    there = [flow.warming for flow in flows if flow.state == "live" or waited < _CONNECT_S]
    warm, symbols = sum(each.warm for each in there), sum(each.symbols for each in there)
    left = max((each.left_s for each in there if each.left_s is not None), default=None)
    return Warming(warm, symbols, left) if warm < symbols and waited < _WARM_S else None


def _standing(feeds: Sequence[FeedState]) -> tuple[int, str]:
    """Return the log level and text at the end of the start. The daemon is not ready while a feed is not live."""
    if waiting := [f"{feed.name} is {feed.progress}" for feed in feeds if feed.state != "live"]:
        return logging.WARNING, f"serving, but not ready: {', '.join(waiting)}"
    return logging.INFO, f"ready: {', '.join(f'{feed.name} is live' for feed in feeds) or 'there is no feed'}"


def _give_up() -> None:
    """End the process, since something hangs in a thread that cannot be ended otherwise."""
    _log.error("not drained within %.0f s: leaving what hangs", _LONGEST_DRAIN_S)
    leave(1)


Narrator = Callable[[Daemon], Coroutine[None, None, None]]


def run_until_signal(make: Callable[[], Daemon], seconds: float | None = None, narrate: Narrator | None = None) -> None:
    """Run a daemon until SIGINT, SIGTERM or SIGHUP, or for some seconds; `narrate` runs beside it. The second signal ends the process at
    once."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_until_signal(make, seconds, narrate))


async def _until_signal(make: Callable[[], Daemon], seconds: float | None, narrate: Narrator | None) -> None:
    loop = asyncio.get_running_loop()
    daemon = make()
    beside: list[asyncio.Task[None]] = []

    if seconds is not None:
        loop.call_later(seconds, daemon.stopping.set)

    def ready(daemon: Daemon) -> None:
        if narrate:
            beside.append(loop.create_task(narrate(daemon)))

    try:
        with obeyed(lambda: loop.call_soon_threadsafe(daemon.stopping.set)):
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
