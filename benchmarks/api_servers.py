"""The servers that api.py asks: `python benchmarks/api_servers.py <server> <port> <folder>`. A server prints a line once it serves.

`quantd` is the API over a store and bars in memory, as in a daemon without a feed; `parsed` is the same, but takes no shortcut for requests
whose bytes it knows; nor does `fresh`, where each request finds that everything may have changed since the one before. `aiohttp` and
`fastapi` send the bodies in the folder, which quantd wrote, from memory: `/bytes/<name>` as they are, `/objects/<name>` as objects that are
encoded anew by orjson. `/computed/pair` of `fastapi` computes the answer of `pair` with pandas and statsmodels, from closes in memory.
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
    import pandas as pd

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
                runner.connections.shortcut.answer = lambda peer, data: None  # type: ignore[method-assign]
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


def closes(name: str) -> "pd.Series[float]":
    """Return the closes that the answer of `pair` is about, as quantd's own server has them, by open time."""
    import pandas as pd

    from quantd.testing import fakes

    bars = fakes.bars(BARS, symbol=name, seed=int(name[1:]))[-3 * WINDOW :]
    return pd.Series([bar.close for bar in bars], index=pd.to_datetime([bar.ts for bar in bars], unit="ms", utc=True))


def analysed(y: "pd.Series[float]", x: "pd.Series[float]") -> dict[str, Any]:
    """Compute the answer of `pair` with pandas and statsmodels, as one writes it with them. The z-score is that of the window, priced with
    its last beta, by the variances and the covariance of both legs."""
    import numpy as np
    import statsmodels.api as sm
    from statsmodels.regression.rolling import RollingOLS
    from statsmodels.tsa.stattools import adfuller, coint

    beta = RollingOLS(y, sm.add_constant(x.rename("x")), WINDOW).fit().params["x"].dropna()
    windows, of_x = (leg.rolling(WINDOW) for leg in (y, x))
    spread, mean = y - beta * x, windows.mean() - beta * of_x.mean()
    std = np.sqrt(windows.var() + beta**2 * of_x.var() - 2 * beta * windows.cov(x))
    returns = [np.log(leg).diff() for leg in (y, x)]
    series = {
        "hedge_ratio": beta,
        "spread": spread,
        "zscore": (spread - mean) / std,
        "rolling_corr": windows.corr(x),
        "spread_mean": mean,
        "spread_std": std,
        "rolling_corr_returns": returns[0].rolling(WINDOW - 1).corr(returns[1]),
    }
    times = beta.index.strftime("%Y-%m-%dT%H:%M:%S.000Z").tolist()
    body: dict[str, Any] = {"pair": "S0-S1"}
    body |= {
        name: [{"ts": ts, "value": value} for ts, value in zip(times, values.reindex(beta.index).tolist(), strict=True)]
        for name, values in series.items()
    }
    stat, pvalue, _, n, *_ = adfuller(y - beta.iloc[-1] * x)
    ways = [coint(*legs, autolag="AIC") for legs in ((y, x), (x, y))]
    body["adf"] = {"stat": stat, "pvalue": pvalue, "n": n}
    body["cointegration"] = [{"stat": float(found[0]), "pvalue": float(found[1])} for found in ways]
    return body


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

    y, x = (closes(name) for name in ("S0", "S1"))

    def computed() -> Response:
        return Response(orjson.dumps(analysed(y, x)), media_type="application/json")

    app = FastAPI(lifespan=lifespan)
    app.get("/computed/pair")(computed)
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
