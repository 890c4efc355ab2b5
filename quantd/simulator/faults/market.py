"""Faults of the market itself: no trades, too many of them, and a wrong clock."""

import json
import re
from collections.abc import Iterable
from typing import Annotated, ClassVar

from aiohttp import web
from aiohttp.typedefs import Handler
from msgspec import Meta

from quantd.simulator.coin import with_coin_margined
from quantd.simulator.faults.connections import Mode, cut
from quantd.simulator.faults.fault import Connection, FaultRun, Frame, FrameFault, HttpFault, World
from quantd.simulator.faults.spec import Natural
from quantd.simulator.info import CONTRACT_INFO, contract_info
from quantd.simulator.query import RestError

SHIFT = "shift_ms"
Rate = Annotated[float, Meta(gt=0, le=200_000)]


class MarketFault(FrameFault, HttpFault, frozen=True, kw_only=True):
    """A fault that changes the rate of trades. If it is `quiet`, the other streams of its symbols are silent too."""

    quiet: ClassVar[bool] = True

    def rate(self, run: FaultRun, now: int) -> float | None:
        """Return the rate (trades per second) of each symbol that the fault meets; None for the symbol's normal rate."""
        return 0.0

    def at(self, listener: str) -> bool:
        return False

    def concerns(self, run: FaultRun, connection: Connection, stream: str) -> bool:
        # The trades in the ledger are still sent.
        return self.quiet and not stream.endswith("@aggTrade") and stream != CONTRACT_INFO and run.spec.match.takes_stream(stream)

    def frames(self, run: FaultRun, connection: Connection, frames: list[Frame]) -> list[Frame]:
        return []


def conduct(world: World, faults: Iterable[tuple[FaultRun, MarketFault]]) -> None:
    """Set the rate of every symbol as the active faults require. Silence has precedence over a flood, and a flood over the normal rate."""
    demands = [(run.spec.match.symbol, fault.rate(run, world.now)) for run, fault in faults]
    jump, world.jump = world.jump, 0
    for symbol, listing in world.exchange.listings.items():
        rates = [rate for name, rate in demands if name in (None, symbol) and rate is not None]
        rate = None if not rates else 0.0 if 0.0 in rates else max(rates)
        if rate != world.paces.get(symbol):
            listing.pace(world.now + 1, rate, jump)
            world.paces[symbol] = rate


class Maintenance(MarketFault, frozen=True, kw_only=True):
    """Upgrades are answered with 503, REST requests with -1016, and there are no trades. Afterwards the ids continue, increased by `jump`.

    `cut` says how open connections end; without it they stay, silent.
    """

    jump: Natural = 0
    cut: Mode | None = None

    def begin(self, run: FaultRun, world: World) -> None:
        for connection in list(world.connections) if self.cut else []:
            world.spawn(cut(connection, self.cut or ""))

    def end(self, run: FaultRun, world: World) -> None:
        world.jump += self.jump

    def at(self, listener: str) -> bool:
        return True

    async def serve(self, run: FaultRun, handler: Handler, request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/fapi/"):
            return RestError(-1016, "This service is no longer available.", 503).response()
        return web.Response(status=503, text="Service Unavailable")


class Halt(MarketFault, frozen=True, kw_only=True):
    """A symbol is not traded: exchangeInfo and a contractInfo event show it, and its streams are silent."""

    status: str = "CLOSE"

    def begin(self, run: FaultRun, world: World) -> None:
        self._tell(run, world, self.status)

    def end(self, run: FaultRun, world: World) -> None:
        self._tell(run, world, "TRADING")

    def _tell(self, run: FaultRun, world: World, status: str) -> None:
        for listing in world.exchange.listings.values():
            if run.spec.match.symbol in (None, listing.symbol):
                listing.status = status
                if status:
                    world.publish(CONTRACT_INFO, with_coin_margined([contract_info(listing, world.now)]))


class Delist(Halt, frozen=True, kw_only=True):
    """A symbol is being delisted."""

    status: str = "SETTLING"


class Prelisting(Halt, frozen=True, kw_only=True):
    """A symbol is announced, and trades after the end of the fault."""

    status: str = "PENDING_TRADING"


class Unlisted(Halt, frozen=True, kw_only=True):
    """A symbol does not exist: no endpoint or stream shows it until the end of the fault, when it is listed."""

    status: str = ""


class EngineRestart(MarketFault, frozen=True, kw_only=True):
    """No trades for `down_ms`, then one burst of `burst` trades per symbol within `burst_ms`."""

    down_ms: Natural = 30_000
    burst: Natural = 200
    burst_ms: Annotated[int, Meta(ge=1)] = 100

    def rate(self, run: FaultRun, now: int) -> float | None:
        since = now - run.began
        if since < self.down_ms:
            return 0.0
        if since < self.down_ms + self.burst_ms and self.burst:
            return self.burst * 1000 / self.burst_ms
        run.over = True
        return None


class Flood(MarketFault, frozen=True, kw_only=True):
    """Each symbol makes `rate` trades per second."""

    rate_per_s: Rate = 3_000.0
    quiet: ClassVar[bool] = False

    def rate(self, run: FaultRun, now: int) -> float | None:
        return self.rate_per_s


class ClockFault(FrameFault, HttpFault, frozen=True, kw_only=True):
    """The exchange's clock is ahead by `offset_ms`, and by `drift_ppm` of the time since the beginning of the fault.

    Shows in E of every frame, in serverTime and in Date. T, and so the ledger, stay as they are.
    """

    offset_ms: int = 0
    drift_ppm: float = 0.0

    def begin(self, run: FaultRun, world: World) -> None:
        run.clock = world.exchange.clock

    def frames(self, run: FaultRun, connection: Connection, frames: list[Frame]) -> list[Frame]:
        shift = self._shift(run)
        return [each._replace(payload=_EVENT_TIME.sub(lambda m: b'"E":%d' % (int(m[1]) + shift), each.payload)) for each in frames]

    def at(self, listener: str) -> bool:
        return listener == "rest"

    async def serve(self, run: FaultRun, handler: Handler, request: web.Request) -> web.StreamResponse:
        shift = self._shift(run)
        request[SHIFT] = request.get(SHIFT, 0) + shift
        response = await handler(request)
        if isinstance(response, web.Response) and isinstance(response.body, bytes) and b'"serverTime":' in response.body:
            body = json.loads(response.body)
            body["serverTime"] += shift
            response.body = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        return response

    def _shift(self, run: FaultRun) -> int:
        elapsed = run.clock.now_ms() - run.began if run.clock else 0
        return self.offset_ms + round(elapsed * self.drift_ppm / 1e6)


_EVENT_TIME = re.compile(rb'"E":(\d+)')
