"""The control port for tests: it begins faults and shows the true market parameters. It is never part of the exchange's own ports."""

import asyncio

import msgspec
import yaml
from aiohttp import web
from msgspec import Struct

from quantd.simulator.exchange import Exchange
from quantd.simulator.faults.connections import Mode, cut
from quantd.simulator.faults.schedule import FaultSchedule
from quantd.simulator.faults.spec import FaultSpec, FaultSpecError
from quantd.simulator.inspection import Inspection
from quantd.simulator.steps import Step, read_span
from quantd.simulator.ws import Gateway


class Disconnect(Struct, forbid_unknown_fields=True):
    """Disconnects every connection that receives `stream`, or all. `close:CODE` takes the codes that RFC 6455 lets a server send."""

    mode: Mode
    stream: str | None = None


class Script(Struct, forbid_unknown_fields=True):
    """The body of POST /scenario."""

    steps: list[Step]


class Control:
    """The handlers of POST /fault, DELETE /fault/ID, GET /faults, POST /scenario, DELETE /scenario, POST /disconnect and GET /truth, and
    those of Inspection."""

    def __init__(self, exchange: Exchange, gateway: Gateway, schedule: FaultSchedule, inspection: Inspection) -> None:
        self._exchange = exchange
        self._gateway = gateway
        self._schedule = schedule
        self._inspection = inspection

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/fault", self._fault)
        app.router.add_delete("/fault/{id}", self._cancel)
        app.router.add_get("/faults", self._faults)
        app.router.add_post("/scenario", self._scenario)
        app.router.add_delete("/scenario", self._calm)
        app.router.add_post("/disconnect", self._disconnect)
        app.router.add_get("/truth", self._truth)
        self._inspection.add_to(app)
        return app

    async def _fault(self, request: web.Request) -> web.Response:
        try:
            spec = msgspec.json.decode(await request.read(), type=FaultSpec)
            name = self._schedule.add(spec, self._exchange.clock.now_ms())
            await self._schedule.settle()
            return web.json_response({"id": name})
        except (msgspec.DecodeError, FaultSpecError) as error:
            return web.json_response({"error": str(error)}, status=400)

    async def _cancel(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        if not self._schedule.cancel(name, self._exchange.clock.now_ms()):
            return web.json_response({"error": f"no fault '{name}' is at work or waits; GET /faults lists them"}, status=404)
        await self._schedule.settle()
        return web.json_response({"id": name})

    async def _faults(self, _: web.Request) -> web.Response:
        rows = [
            {"id": run.id, "active": active, "until": run.until, "seen": run.seen, "struck": run.struck} | msgspec.to_builtins(run.spec)
            for run, active in self._schedule.runs
        ]
        return web.json_response(rows)

    async def _scenario(self, request: web.Request) -> web.Response:
        """Run steps as in a scenario file, in YAML or JSON. Their times count from now."""
        try:
            script = msgspec.convert(yaml.safe_load(await request.read()), Script, dec_hook=read_span)
            return web.json_response({"id": self._schedule.load(script.steps, self._exchange.clock.now_ms())})
        except (yaml.YAMLError, msgspec.ValidationError, FaultSpecError) as error:
            return web.json_response({"error": str(error)}, status=400)

    async def _calm(self, _: web.Request) -> web.Response:
        self._schedule.cancel_all(self._exchange.clock.now_ms())
        await self._schedule.settle()
        return web.json_response({})

    async def _disconnect(self, request: web.Request) -> web.Response:
        try:
            spec = msgspec.json.decode(await request.read(), type=Disconnect)
        except msgspec.DecodeError as error:
            return web.json_response({"error": str(error)}, status=400)
        hit = [each for each in self._gateway.connections if spec.stream is None or each.gets(spec.stream)]
        await asyncio.gather(*(cut(connection, spec.mode) for connection in hit))
        return web.json_response({"disconnected": len(hit)})

    async def _truth(self, _: web.Request) -> web.Response:
        exchange = self._exchange
        return web.json_response({"seed": exchange.seed, "epoch": exchange.clock.epoch, "pairs": exchange.scenario.truth()})
