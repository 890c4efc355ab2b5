"""Faults of open connections: they end, fall silent, or receive too many pings."""

import asyncio
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from quantd.simulator.faults.fault import Connection, Fault, FaultRun, Frame, FrameFault, World
from quantd.simulator.faults.spec import Count, Natural, Share
from quantd.simulator.frames import TEXT, frame

CLOSE = r"close:(100[0-3]|100[7-9]|101[0-4]|[34]\d{3})(:[ -~]{0,120})?"
AT_ONCE = ("fin", "rst", "close:1000", "close:1001", "close:1008", "close:1011", "midframe")
Mode = Annotated[str, Meta(pattern=rf"^(fin|rst|midframe|{CLOSE})$")]
HALF = frame(TEXT, b'{"e":"aggTrade","E":1795000000000,"s":"BTCUSDT","a":2228503268,"p":"90123.4","q":"0.015"}')[:40]


async def cut(connection: Connection, mode: str) -> None:
    """End a connection by FIN, by RST, by RST in the middle of a frame, or with a close code (`close:CODE[:REASON]`)."""
    if mode == "fin":
        connection.finish()
    elif mode == "rst":
        connection.reset()
    elif mode == "midframe":
        connection.send(HALF)
        connection.reset()
    else:
        _, code, *reason = mode.split(":", 2)
        await connection.close(int(code), *reason)


class Disconnect(FrameFault, frozen=True, kw_only=True):
    """Ends connections now, or `after_ack` or `before_ack` of the next SUBSCRIBE. `random` is any mode that ends them now."""

    mode: Annotated[str, Meta(pattern=rf"^(random|after_ack|before_ack|fin|rst|midframe|{CLOSE})$")]

    def begin(self, run: FaultRun, world: World) -> None:
        if self.lasts():
            return
        for connection in run.struck_connections(world):
            world.spawn(cut(connection, run.random.choice(AT_ONCE) if self.mode == "random" else self.mode))

    def lasts(self) -> bool:
        return self.mode in ("after_ack", "before_ack")

    def answer(self, run: FaultRun, connection: Connection, text: str) -> bool:
        if not self.lasts() or not run.strikes():
            return False
        run.over = True
        if self.mode == "after_ack":
            connection.send(frame(TEXT, text.encode()))
            connection.finish()
        else:
            connection.reset()
        return True


class Cut24h(Fault, frozen=True, kw_only=True):
    """Ends connections as the exchange does after 24 h, `warning_ms` after a serverShutdown event if one is sent.

    The official SDK looks for that event in an envelope; a `bare` one has none, as the other exchanges of the house write it.
    """

    shutdown: bool = False
    bare: bool = False
    warning_ms: Natural = 5_000
    mode: Annotated[str, Meta(pattern=rf"^(random|fin|rst|{CLOSE})$")] = "random"
    ends: ClassVar[tuple[str, ...]] = ("close:1000", "close:1001", "rst")

    def begin(self, run: FaultRun, world: World) -> None:
        for connection in run.struck_connections(world):
            world.spawn(self._end_of_life(connection, run.random.choice(self.ends) if self.mode == "random" else self.mode, world))

    def lasts(self) -> bool:
        return False

    async def _end_of_life(self, connection: Connection, mode: str, world: World) -> None:
        if self.shutdown:
            event = f'{{"e":"serverShutdown","E":{world.exchange.clock.now_ms()}}}'
            connection.send(frame(TEXT, (event if self.bare else f'{{"event":{event}}}').encode()))
            await asyncio.sleep(self.warning_ms / 1000)
        await cut(connection, mode)


class Stall(FrameFault, frozen=True, kw_only=True):
    """Makes the whole socket, all data of a connection, or one stream silent, without closing it.

    `tcp` neither reads nor writes and sends afterwards what waited; `data` and `one_stream` lose it. Connections that are
    opened during the stall are spared; `newcomers` makes `data` and `one_stream` meet them too.
    """

    mode: Literal["tcp", "data", "one_stream"]
    newcomers: bool = False

    def __post_init__(self) -> None:
        if self.mode == "tcp" and self.newcomers:
            raise ValueError("a tcp stall meets open connections only; for new ones use refuse or slow_accept")

    def begin(self, run: FaultRun, world: World) -> None:
        for connection in run.struck_connections(world):
            run.connections.add(connection)
            if self.mode == "tcp":
                connection.clog(run.id)

    def end(self, run: FaultRun, world: World) -> None:
        for connection in run.connections:
            connection.unclog(run.id)

    def concerns(self, run: FaultRun, connection: Connection, stream: str) -> bool:
        if self.newcomers and connection not in run.connections and run.meets(connection) and run.strikes():
            run.connections.add(connection)
        return connection in run.connections and self.mode != "tcp" and (self.mode == "data" or super().concerns(run, connection, stream))

    def frames(self, run: FaultRun, connection: Connection, frames: list[Frame]) -> list[Frame]:
        return []


class PingStorm(Fault, frozen=True, kw_only=True):
    """Pings each connection every `every_ms`."""

    every_ms: Count = 50

    def begin(self, run: FaultRun, world: World) -> None:
        run.tasks.append(world.spawn(self._storm(run, world)))

    async def _storm(self, run: FaultRun, world: World) -> None:
        while True:
            for connection in run.struck_connections(world):
                connection.ping()
            await asyncio.sleep(self.every_ms / 1000)


class NoPing(Fault, frozen=True, kw_only=True):
    """The exchange sends no pings."""


class Swizzle(Fault, frozen=True, kw_only=True):
    """Clogs a random `share` of the connections one by one, `step_ms` apart, and frees them in another order, repeatedly."""

    share: Share = 0.5
    step_ms: Natural = 500

    def begin(self, run: FaultRun, world: World) -> None:
        run.tasks.append(world.spawn(self._swizzle(run, world)))

    def end(self, run: FaultRun, world: World) -> None:
        for connection in world.connections:
            connection.unclog(run.id)

    async def _swizzle(self, run: FaultRun, world: World) -> None:
        while True:
            connections = list(run.struck_connections(world))
            chosen = run.random.sample(connections, round(self.share * len(connections)))
            for step in (self._clog, self._unclog):
                await step(run, chosen)
                run.random.shuffle(chosen)
            if not chosen:
                await asyncio.sleep(self.step_ms / 1000)

    async def _clog(self, run: FaultRun, connections: list[Connection]) -> None:
        for connection in connections:
            connection.clog(run.id)
            await asyncio.sleep(self.step_ms / 1000)

    async def _unclog(self, run: FaultRun, connections: list[Connection]) -> None:
        for connection in connections:
            connection.unclog(run.id)
            await asyncio.sleep(self.step_ms / 1000)
