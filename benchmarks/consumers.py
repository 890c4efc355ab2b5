"""The consumers of the exchange of fast_exchange.py: quantd's daemon, one of peers.py, or one of clients.py.

    python benchmarks/consumers.py <consumer> <port of the exchange> <seconds to warm up> <seconds to measure>

Runs on the first core and prints JSON: trades, seconds, CPU seconds (of all threads) and peak memory. `quantd` is the daemon as it runs,
and so are `paced`, which tells how late each trade, each point and the event loop was, and `flooded`, which takes ten samples a second,
until the daemon has caught up.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from clients import CLIENTS
from fast_exchange import SYMBOLS, TRAVEL_MS
from peers import Figures, counted, cryptofeed, nobody, plain

CORE = {min(os.sched_getaffinity(0))}
SAMPLE_S = 0.1
PROBE_S = 0.005
BAR_MS = 1_000
QUIET_MS = 100
"""Lag (from E to the hub) below which the daemon counts as caught up."""
PATIENCE_S = 40.0
WINDOW = 3
"""Window of the regression: short enough that pairs have points during the measurement. The cost of a point does not depend on it."""


def settings(port: int, folder: str, store: str | None) -> dict[str, Any]:
    return {
        "pairs": [f"{y}-{x}" for y, x in zip(SYMBOLS[::2], SYMBOLS[1::2], strict=True)],
        "feeds": {"binance-futures": {"ws": f"ws://127.0.0.1:{port}", "rest": f"http://127.0.0.1:{port}"}},
        "store": store,
        "state": {"dir": f"{folder}/state"},
    }


PIPELINE = {"feed": "binance-futures", "bars": {"use": "time", "every": ["1s", "1m"]}, "regression": {"use": "ols", "window": WINDOW}}


def run_quantd(port: int, narrate: Callable[[Any], Coroutine[None, None, Figures]], store: str | None = "local") -> Figures:
    """Run the daemon as `quantd run` does, with its API, while `narrate` runs beside it."""
    import logging

    from quantd.config.load import build
    from quantd.daemon import Daemon, run_until_signal

    logging.basicConfig(level=logging.WARNING)
    found: Figures = {}

    async def beside(daemon: Daemon) -> None:
        try:
            found.update(await narrate(daemon))
        finally:
            daemon.stopping.set()

    with tempfile.TemporaryDirectory() as folder:
        loaded = build(settings(port, folder, store), {"default": PIPELINE}, {})
        run_until_signal(lambda: Daemon(loaded, f"127.0.0.1:{free_port()}"), narrate=beside)
    return found


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def quantd(port: int, warm_s: float, seconds: float, store: str | None = "local") -> Figures:
    async def narrate(daemon: Any) -> Figures:
        listener = HubListener(daemon)
        figures = await counted(lambda: listener.ticks, warm_s, seconds)
        return figures | {"missing": listener.missing()}

    return run_quantd(port, narrate, store)


def storeless(port: int, warm_s: float, seconds: float) -> Figures:
    return quantd(port, warm_s, seconds, store=None)


def paced(port: int, warm_s: float, seconds: float) -> Figures:
    async def narrate(daemon: Any) -> Figures:
        listener, loop_lags = HubListener(daemon), array("d")
        await asyncio.sleep(warm_s)
        listener.lags, listener.point_lags = array("i"), array("i")
        probe = asyncio.create_task(probe_loop(loop_lags))
        figures = await counted(lambda: listener.ticks, 0, seconds)
        probe.cancel()
        lags: dict[str, Any] = {"ticks": listener.lags, "points": listener.point_lags, "loop": loop_lags}
        return figures | {"lags": {name: percentiles(values) for name, values in lags.items()}, "missing": listener.missing()}

    return run_quantd(port, narrate)


def flooded(port: int, warm_s: float, seconds: float) -> Figures:
    async def narrate(daemon: Any) -> Figures:
        listener = HubListener(daemon)
        samples = asyncio.create_task(listener.sample())
        figures = await counted(lambda: listener.ticks, warm_s, seconds)
        with suppress(TimeoutError):
            await asyncio.wait_for(listener.quiet.wait(), PATIENCE_S)
        samples.cancel()
        return figures | {"samples": listener.samples, "missing": listener.missing()}

    return run_quantd(port, narrate)


class HubListener:
    """Records the trades and points that are published on the hub."""

    def __init__(self, daemon: Any) -> None:
        from quantd import timeframes

        self.ticks = 0
        self.quiet = asyncio.Event()
        """Set while there was no lag in the last half second."""
        self._worst = 0
        self.lags: array[int] | None = None
        self.point_lags: array[int] | None = None
        self.samples: list[tuple[float, int, int, float]] = []
        (self._flow,) = daemon.runtime.flows
        self._lateness = timeframes.duration(self._flow.feed.lateness)
        hub = daemon.runtime.outputs.hub
        hub.listen("ticks", self._take)
        hub.listen("points", self._take_points)

    def missing(self) -> int:
        return sum(stage.intake.ledger.missing for stage in self._flow.stages)

    async def sample(self) -> None:
        """Record (s since 1970, trades so far, worst lag in ms, MiB) of each interval."""
        while True:
            self._worst = 0
            await asyncio.sleep(SAMPLE_S)
            self.samples.append((time.time(), self.ticks, self._worst, resident()))
            if max(worst for _, _, worst, _ in self.samples[-5:]) <= QUIET_MS:
                self.quiet.set()
            else:
                self.quiet.clear()

    def _take(self, ticks: Sequence[Any]) -> None:
        self.ticks += len(ticks)
        sent = time.time_ns() // 1_000_000 - TRAVEL_MS
        self._worst = max(self._worst, sent - ticks[0].ts)
        if self.lags is not None:
            self.lags.extend([sent - tick.ts for tick in ticks])

    def _take_points(self, points: Sequence[Any]) -> None:
        """Record the lag of points. A point of 1s bars can be known as soon as a trade is sent that is `lateness` behind their end."""
        if self.point_lags is not None:
            known = BAR_MS + self._lateness + TRAVEL_MS
            now = time.time_ns() // 1_000_000
            self.point_lags.extend([now - point.ts - known for point in points if point.every == "1s"])


async def probe_loop(lags: "array[float]") -> None:
    """Record how late (ms) the event loop is."""
    while True:
        due = time.monotonic() + PROBE_S
        await asyncio.sleep(PROBE_S)
        lags.append(1000 * max(0.0, time.monotonic() - due))


def resident() -> float:
    """Return the resident memory in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def percentiles(values: "array[Any]") -> list[float]:
    """Return the 50th, 99th and 100th percentiles."""
    import numpy as np

    return np.percentile(values, [50, 99, 100]).tolist() if values else []


CONSUMERS: dict[str, Callable[[int, float, float], Figures]] = {
    each.__name__: each for each in (quantd, storeless, plain, cryptofeed, nobody, paced, flooded)
} | CLIENTS

if __name__ == "__main__":
    os.sched_setaffinity(0, CORE)
    print(json.dumps(CONSUMERS[sys.argv[1]](int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))), flush=True)
