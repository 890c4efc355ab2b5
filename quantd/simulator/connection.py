"""One client's WebSocket as the exchange sees it: what it receives, how much may be queued for it, and how it ends."""

import asyncio
import socket
import struct
from collections import deque
from dataclasses import dataclass

from aiohttp import WSCloseCode, WSMsgType, web

from quantd.simulator import streams
from quantd.simulator.clock import Clock
from quantd.simulator.faults.active import ActiveFaults
from quantd.simulator.frames import PING, PONG, TEXT, frame
from quantd.simulator.outbox import Outbox
from quantd.simulator.protocol import Session
from quantd.simulator.rate_limits import RateLimits
from quantd.simulator.scenario import Limits

RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER of zero seconds: close sends RST


@dataclass(frozen=True)
class Upgrade:
    """The request that became a connection. `route` is the category in the path, None on the legacy paths."""

    number: int
    """The number of upgrades up to and including this one."""
    path: str
    route: str | None
    client: str


@dataclass(frozen=True)
class Rules:
    """The limits and settings of all connections of an exchange."""

    limits: Limits
    clock: Clock
    faults: ActiveFaults
    rate_limits: RateLimits


class Connection:
    """An open WebSocket connection: it answers the client, and queues what the client receives."""

    def __init__(self, ws: web.WebSocketResponse, transport: asyncio.Transport, session: Session, upgrade: Upgrade, rules: Rules) -> None:
        self.number = upgrade.number
        self.path = upgrade.path
        self.route = upgrade.route
        self.client = upgrade.client
        self.session = session
        self._ws = ws
        self._transport = transport
        self._limits = rules.limits
        self._clock = rules.clock
        self._faults = rules.faults
        self._rate_limits = rules.rate_limits
        self._outbox = Outbox(self._write)
        self.owed_pongs = 0  # these do not count against the client: the exchange's pings caused them
        self._last_pong = self._clock.now_ms()
        self._message_times: deque[int] = deque(maxlen=self._limits.messages_per_s + 1)

    async def serve(self) -> None:
        """Answer the client until one side leaves."""
        keep_alive = asyncio.create_task(self._keep_alive())
        try:
            async for message in self._ws:
                if self._talks_too_much(message.type):
                    self._rate_limits.talked_too_much(self.client)
                    await self.close(WSCloseCode.POLICY_VIOLATION, "too many requests")
                elif message.type is WSMsgType.PING:
                    self.send(frame(PONG, message.data))
                elif message.type is WSMsgType.PONG:
                    self._last_pong = self._clock.now_ms()
                elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    self._answer(message.data)
        finally:
            keep_alive.cancel()

    def _answer(self, request: str | bytes) -> None:
        refused = self.session.refused_streams
        text = self.session.answer(request)
        if self.session.refused_streams > refused:
            self._rate_limits.note(self.client, "streams", f"more than {self.session.max_streams} on a connection")
        if not self._faults.takes_answer(self, request, text):
            self.send(frame(TEXT, text.encode()))

    def gets(self, stream: str) -> bool:
        """Return whether data of this stream are sent on this connection."""
        return stream in self.session.streams and streams.carries(self.route, stream)

    def send(self, frames: bytes) -> None:
        """Queue an answer or a control frame. It overtakes data that a fault delays."""
        self._outbox.urgent(frames)

    def send_data(self, frames: bytes, delay_s: float = 0.0, *, in_order: bool = True) -> None:
        """Queue whole frames. A client that leaves too many of them unread is disconnected, so that no other client waits."""
        if in_order:
            self._outbox.ordered(frames, delay_s)
        else:
            self._outbox.loose(frames, delay_s)
        if self._outbox.size > self._limits.send_queue_bytes and not self._gone:
            self.reset()

    def ping(self) -> None:
        """Send a ping with the time, as the exchange does."""
        self.owed_pongs += 1
        self.send(frame(PING, str(self._clock.now_ms()).encode()))

    def clog(self, owner: str) -> None:
        """Stop reading and writing until `unclog`, while the socket stays open."""
        self._outbox.clog(owner)
        self._transport.pause_reading()

    def unclog(self, owner: str) -> None:
        if self._outbox.unclog(owner) and not self._gone:
            self._transport.resume_reading()

    @property
    def idle(self) -> bool:
        """Whether everything queued has been passed to the kernel or will never be sent."""
        return self._gone or (self._outbox.idle and not self._transport.get_write_buffer_size())

    async def close(self, code: int, reason: str = "") -> None:
        """End the connection with a close frame."""
        await self._ws.close(code=code, message=reason.encode())

    def finish(self) -> None:
        """End the connection with a bare FIN, as a proxy does."""
        self._transport.close()

    def reset(self) -> None:
        """End the connection with RST. What is queued is lost."""
        if self._transport.is_closing():
            return
        connected = self._transport.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self._transport.abort()

    @property
    def _gone(self) -> bool:
        return self._ws.closed or self._transport.is_closing()

    def _write(self, frames: bytes) -> None:
        if self._gone:
            return
        self._transport.write(frames)
        if self._transport.get_write_buffer_size() > self._limits.send_queue_bytes:
            self.reset()

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._limits.ping_s)
            now = self._clock.now_ms()
            if not self._faults.pings(self):
                self._last_pong = now
            elif now - self._last_pong > self._limits.pong_s * 1000:
                return self.finish()
            else:
                self.ping()

    def _talks_too_much(self, kind: WSMsgType) -> bool:
        if kind is WSMsgType.PONG and self.owed_pongs:
            self.owed_pongs -= 1
            return False
        times = self._message_times
        times.append(self._clock.now_ms())
        return len(times) == times.maxlen and times[-1] - times[0] < 1000
