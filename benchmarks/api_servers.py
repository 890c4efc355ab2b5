"""The servers that api.py asks: `python benchmarks/api_servers.py <server> <port> <folder>`. A server prints a line once it serves.

`quantd` is the API over a store and bars in memory, as in a daemon without a feed; `parsed` is the same, but takes no shortcut for requests
whose bytes it knows; nor does `fresh`, where each request finds that everything may have changed since the one before. `aiohttp` and
`fastapi` send the bodies in the folder, which quantd wrote, from memory: `/bytes/<name>` as they are, `/objects/<name>` as objects that are
encoded anew by orjson.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from quantd.history.history import History

CORE = {min(os.sched_getaffinity(0))}
BARS = 2_000
PAIRS = 10
WINDOW = 250
"""Window of an analysis of 501 points."""
PATHS = {
    "pair": f"/analytics/pair?pair=S0-S1&tf=1m&window={WINDOW}",
    "zscore": f"/analytics/zscore?pair=S0-S1&tf=1m&window={WINDOW}",
    "data": "/data/S0?tf=1m&limit=500",
    "pairs": "/pairs",
}
"""The requests by the name of their body."""


def run(main: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run on uvloop where it is installed."""
    from quantd.daemon import _loop_factory

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(main())


async def serve(runner: web.AppRunner, port: int) -> None:
    """Serve an application that is set up."""
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print("serving", flush=True)
    await asyncio.Event().wait()


def quantd(port: int, folder: Path, *, parsed: bool = False, fresh: bool = False) -> None:
    from quantd.api.app import make_app
    from quantd.api.server.connections import Runner
    from quantd.config.load import build
    from quantd.config.model import ApiSettings
    from quantd.model import Status
    from quantd.services.live.bundle import live_services
    from quantd.services.live.calculator import make_pool
    from quantd.state import State
    from quantd.testing import fakes
    from quantd.testing.bench import Bench, Venue

    names = [f"S{number}" for number in range(PAIRS + 1)]
    pipeline = {"feed": "synthetic", "bars": {"use": "time", "every": ["1m"]}, "regression": {"use": "ols", "window": 60}}
    pairs = [{f"{names[0]}-{name}": "default"} for name in names[1:]]
    loaded = build({"pairs": pairs, "feeds": {"synthetic": {}}, "store": "local"}, {"default": pipeline}, {})

    async def main() -> None:
        from msgspec.structs import replace

        bench = Bench(replace(loaded.config, feeds={"synthetic": Venue()}), folder, registry=loaded.registry)
        runtime, stages = bench.runtime, {stage.symbol: stage for stage in bench.flow.stages}
        bench.process([Status(fakes.START, healthy=True)])
        bars = {name: fakes.bars(BARS, symbol=name, seed=seed) for seed, name in enumerate(names)}
        history, end = bench.history, bars["S0"][-1].ts + 60_000
        for rows in bars.values():
            history.put_bars(rows)
            assert runtime.outputs.recorder
            runtime.outputs.recorder.bars(rows)
        await runtime.outputs.recorder.write()
        for pair in runtime.pairs:
            history.put_points(pair.add({(leg, "1m"): bars[leg.symbol][-200:] for leg in (pair.y, pair.x)}, lambda pair, every: end))
        bench.process([fakes.tick(name, 1 + number, end - fakes.START + 500, 100.0) for number, name in enumerate(stages)])
        with State.open(folder / "state") as state:
            pool = make_pool(loaded.registry, "warning", runtime.outputs.troubles)
            services = live_services(runtime, bench.config, loaded.registry, bench.clock, state, pool)
            app = make_app(services, ApiSettings())
            runner = Runner(app)
            if fresh:
                app.middlewares.append(_changing(history))
            await runner.setup()
            if parsed or fresh:
                runner.connections.shortcut.answer = lambda data: None  # type: ignore[method-assign]
            await serve(runner, port)

    run(main)


def _changing(history: "History") -> Any:
    """Make a middleware that lets everything change before each request."""

    @web.middleware
    async def middleware(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
        history.store_changed()
        history.changes += 1
        return await handler(request)

    return middleware


def parsed(port: int, folder: Path) -> None:
    quantd(port, folder, parsed=True)


def fresh(port: int, folder: Path) -> None:
    quantd(port, folder, fresh=True)


def aiohttp(port: int, folder: Path) -> None:
    bodies = {name: (folder / name).read_bytes() for name in PATHS}

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=bodies[request.match_info["name"]], content_type="application/json")

    async def main() -> None:
        app = web.Application()
        app.router.add_get("/bytes/{name}", handler)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await serve(runner, port)

    run(main)


def fastapi(port: int, folder: Path) -> None:
    """Raises ImportError if FastAPI, orjson or uvicorn is not installed."""
    import orjson
    import uvicorn
    from fastapi import FastAPI, Response

    bodies = {name: (folder / name).read_bytes() for name in PATHS}
    objects = {name: orjson.loads(body) for name, body in bodies.items()}

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        print("serving", flush=True)
        yield

    async def kept(name: str) -> Response:
        return Response(bodies[name], media_type="application/json")

    async def encoded(name: str) -> Response:
        return Response(orjson.dumps(objects[name]), media_type="application/json")

    app = FastAPI(lifespan=lifespan)
    app.get("/bytes/{name}")(kept)
    app.get("/objects/{name}")(encoded)

    async def main() -> None:
        config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", access_log=False, loop="none")
        await uvicorn.Server(config).serve()

    run(main)


SERVERS: dict[str, Callable[[int, Path], None]] = {each.__name__: each for each in (quantd, parsed, fresh, aiohttp, fastapi)}

if __name__ == "__main__":
    os.sched_setaffinity(0, CORE)
    SERVERS[sys.argv[1]](int(sys.argv[2]), Path(sys.argv[3]))
