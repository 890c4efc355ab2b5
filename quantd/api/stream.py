"""Starts and stops symbols for the caller."""

from aiohttp import web

from quantd.api import requests, wire
from quantd.api.context import FANOUT, SETTINGS, desk
from quantd.api.errors import Failure, answer
from quantd.api.health import buffer_stats
from quantd.api.params import body


async def start(request: web.Request) -> web.Response:
    """Stream these symbols for the caller's address."""
    asked, flow = await body(request, requests.StreamBody), desk(request)
    wanted, supported = _upper(asked.symbols), flow.supported()
    if unknown := [symbol for symbol in wanted if symbol not in supported]:
        raise Failure(400, f"Invalid symbols: {unknown}. Available: {supported}")
    if len(wanted) > (most := request.app[SETTINGS].max_symbols):
        raise Failure(400, f"Too many symbols. Maximum: {most}")
    flow.hold(_holder(request), wanted)
    return answer(wire.Started(asked.symbols, flow.active()))


async def stop(request: web.Request) -> web.Response:
    """Release the caller's claim; what others hold goes on."""
    asked, flow = await body(request, requests.StreamBody), desk(request)
    if not flow.active():
        return answer(wire.NothingToStop())
    flow.release(_holder(request), _upper(asked.symbols))
    return answer(wire.Stopped(asked.symbols, flow.active()))


async def status(request: web.Request) -> web.Response:
    """What streams, and to how many sockets."""
    flow = desk(request)
    active, sockets = flow.active(), len(request.app[FANOUT])
    if not active:
        return answer(wire.IdleStatus(False, [], sockets))
    return answer(wire.StreamStatus(True, active, sockets, buffer_stats(flow)))


def _upper(symbols: list[str]) -> list[str]:
    """In upper case, each once."""
    return list(dict.fromkeys(symbol.upper() for symbol in symbols))


def _holder(request: web.Request) -> str:
    return f"ip:{request.remote}"


ROUTES = [web.post("/stream/start", start), web.post("/stream/stop", stop), web.get("/stream/status", status)]
