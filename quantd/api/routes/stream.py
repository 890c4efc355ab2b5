"""Routes that start and stop the streams of symbols for the caller."""

from aiohttp import web

from quantd.api.access.caller import caller
from quantd.api.context import FANOUT, SETTINGS, services
from quantd.api.schema import requests, wire
from quantd.api.schema.status import buffer_stats
from quantd.api.server.errors import Failure, answer


async def start(request: web.Request, asked: requests.StreamBody) -> web.Response:
    """Stream these symbols for the caller's address."""
    symbols = services(request).symbols
    wanted, supported = _upper(asked.symbols), symbols.supported()
    if unknown := [symbol for symbol in wanted if symbol not in supported]:
        raise Failure(400, f"Invalid symbols: {unknown}. Available: {supported}")
    if len(wanted) > (most := request.app[SETTINGS].max_symbols):
        raise Failure(400, f"Too many symbols. Maximum: {most}")
    symbols.hold(caller(request).key, wanted)
    return answer(wire.Started(asked.symbols, symbols.active()))


async def stop(request: web.Request, asked: requests.StreamBody) -> web.Response:
    """End the caller's subscription; streams that others hold continue."""
    symbols = services(request).symbols
    if not symbols.active():
        return answer(wire.NothingToStop())
    symbols.release(caller(request).key, _upper(asked.symbols))
    return answer(wire.Stopped(asked.symbols, symbols.active()))


async def status(request: web.Request) -> web.Response:
    """Return what streams, and to how many sockets."""
    symbols = services(request).symbols
    active, sockets = symbols.active(), len(request.app[FANOUT])
    if not active:
        return answer(wire.IdleStatus(False, [], sockets))
    return answer(wire.StreamStatus(True, active, sockets, buffer_stats(services(request).market)))


def _upper(symbols: list[str]) -> list[str]:
    """Return the symbols in upper case, each once."""
    return list(dict.fromkeys(symbol.upper() for symbol in symbols))
