"""The control port of tests: order faults, and tell the truth behind the market. Never part of the exchange's own ports."""

import asyncio

import msgspec
import yaml
from aiohttp import web
from msgspec import Struct

from quantd.simulator.exchange import Exchange
from quantd.simulator.faults.director import Director
from quantd.simulator.faults.lines import Mode, cut
from quantd.simulator.faults.order import Order, OrderError
from quantd.simulator.steps import Step, read_span
from quantd.simulator.watch import Watch
from quantd.simulator.ws import Gateway


class Disconnect(Struct, forbid_unknown_fields=True):
    """Cuts every connection that receives `stream`, or all. `close:CODE` takes the codes that RFC 6455 lets a server send."""

    mode: Mode
    stream: str | None = None


class Script(Struct, forbid_unknown_fields=True):
    """What POST /scenario takes."""

    steps: list[Step]


class Control:
    """POST /fault, DELETE /fault/ID, GET /faults, POST /scenario, DELETE /scenario, POST /disconnect, GET /truth, and what Watch tells."""

    def __init__(self, exchange: Exchange, gateway: Gateway, director: Director, watch: Watch) -> None:
        self._exchange = exchange
        self._gateway = gateway
        self._director = director
        self._watch = watch

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/fault", self._fault)
        app.router.add_delete("/fault/{id}", self._cancel)
        app.router.add_get("/faults", self._faults)
        app.router.add_post("/scenario", self._scenario)
        app.router.add_delete("/scenario", self._calm)
        app.router.add_post("/disconnect", self._disconnect)
        app.router.add_get("/truth", self._truth)
        self._watch.add_to(app)
        return app

    async def _fault(self, request: web.Request) -> web.Response:
        try:
            order = msgspec.json.decode(await request.read(), type=Order)
            name = self._director.order(order, self._exchange.clock.now_ms())
            await self._director.settle()
            return web.json_response({"id": name})
        except (msgspec.DecodeError, OrderError) as error:
            return web.json_response({"error": str(error)}, status=400)

    async def _cancel(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        if not self._director.cancel(name, self._exchange.clock.now_ms()):
            return web.json_response({"error": f"no fault '{name}' is at work or waits; GET /faults lists them"}, status=404)
        await self._director.settle()
        return web.json_response({"id": name})

    async def _faults(self, _: web.Request) -> web.Response:
        rows = [
            {"id": case.id, "active": active, "until": case.until, "seen": case.seen, "struck": case.struck}
            | msgspec.to_builtins(case.order)
            for case, active in self._director.cases
        ]
        return web.json_response(rows)

    async def _scenario(self, request: web.Request) -> web.Response:
        """Steps as in a scenario file, in YAML or JSON; their times count from now."""
        try:
            script = msgspec.convert(yaml.safe_load(await request.read()), Script, dec_hook=read_span)
            return web.json_response({"id": self._director.load(script.steps, self._exchange.clock.now_ms())})
        except (yaml.YAMLError, msgspec.ValidationError, OrderError) as error:
            return web.json_response({"error": str(error)}, status=400)

    async def _calm(self, _: web.Request) -> web.Response:
        self._director.calm(self._exchange.clock.now_ms())
        await self._director.settle()
        return web.json_response({})

    async def _disconnect(self, request: web.Request) -> web.Response:
        try:
            order = msgspec.json.decode(await request.read(), type=Disconnect)
        except msgspec.DecodeError as error:
            return web.json_response({"error": str(error)}, status=400)
        hit = [each for each in self._gateway.connections if order.stream is None or each.gets(order.stream)]
        await asyncio.gather(*(cut(connection, order.mode) for connection in hit))
        return web.json_response({"disconnected": len(hit)})

    async def _truth(self, _: web.Request) -> web.Response:
        exchange = self._exchange
        return web.json_response({"seed": exchange.seed, "epoch": exchange.clock.epoch, "pairs": exchange.scenario.truth()})
