"""An open WebSocket, read as fast as what comes is taken."""

import asyncio
from collections.abc import Callable

from websockets.client import ClientProtocol
from websockets.frames import CloseCode
from websockets.protocol import State

from quantd.net.frames import FrameReader, Message

HEARTBEAT_S = 15.0
"""After so long a silence we ask whether anybody is there."""
PONG_S = 7.5
"""Within so long anything must have come then."""
CLOSE_S = 1.0
"""For so long what we said last may be on its way."""


class WebSocket(asyncio.Protocol):
    """Nothing is read before `run`. Pings are answered, and a connection over which nothing comes, not even an answer, is left."""

    def __init__(self, parser: ClientProtocol, transport: asyncio.Transport, first: bytes) -> None:
        """`first` is what has come already behind the answer to the upgrade, which the parser has seen; the transport is paused."""
        self.error: BaseException | None = None
        """Why it ended, unless it was closed in good order."""
        self._parser = parser
        self._frames = FrameReader(parser)
        self._transport = transport
        self._first = first
        self._take: Callable[[Message], None] = _ignore
        self._fault: Exception | None = None
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._reading = False
        self._paused = True
        self._clogged = False
        self._heard = self._loop.time()
        self._asked: float | None = None
        """What `_heard` was when we last asked."""
        self._beat = self._loop.call_later(HEARTBEAT_S, self._look)

    @property
    def code(self) -> int | None:
        """With which it was closed, by them or by us; None before the end."""
        if self._parser.state is not State.CLOSED:
            return None
        closed = self._parser.close_exc
        close = closed.rcvd or closed.sent
        return close.code if close else CloseCode.ABNORMAL_CLOSURE

    @property
    def reason(self) -> str:
        """What they said of why they closed it."""
        return self._parser.close_reason or ""

    @property
    def paused(self) -> bool:
        """Whether nothing more is read until `resume`."""
        return self._paused

    async def run(self, take: Callable[[Message], None]) -> None:
        """Give what comes to `take` until the end. What that raises ends it, and is raised."""
        self._take = take
        self.resume()
        first, self._first = self._first, b""
        self.data_received(first)
        await self._ended.wait()
        if self._fault:
            raise self._fault

    def pause(self) -> None:
        """Leave what comes to TCP, which then holds up the other end; what has been read already is still given."""
        self._paused = True
        self._regulate()

    def resume(self) -> None:
        """Read on."""
        self._paused = False
        self._heard = self._loop.time()  # the silence was ours
        self._regulate()

    def send_text(self, text: bytes) -> None:
        """After the end, nothing is sent."""
        if self._parser.state is State.OPEN:
            self._parser.send_text(text)
            self._flush()

    def send_ping(self, payload: bytes) -> None:
        """After the end, nothing is sent. The pong comes as a message."""
        if self._parser.state is State.OPEN:
            self._parser.send_ping(payload)
            self._flush()

    def close(self) -> None:
        """Say goodbye and leave. No message comes any more."""
        if self._parser.state is State.OPEN:
            self._parser.send_close(CloseCode.NORMAL_CLOSURE)
        self._end()

    def data_received(self, data: bytes) -> None:
        if self._ended.is_set():
            return
        self._heard = self._loop.time()
        try:
            for message in self._frames.feed(data):
                self._take(message)
                if self._ended.is_set():
                    return
        except Exception as error:  # of whoever takes
            self._fault = error
            self.close()
        if self._parser.close_expected():
            self._end()
        self._flush()

    def eof_received(self) -> None:
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc)
        self._beat.cancel()

    def pause_writing(self) -> None:
        """Who does not read what we answer is not read either."""
        self._clogged = True
        self._regulate()

    def resume_writing(self) -> None:
        self._clogged = False
        self._regulate()

    def _regulate(self) -> None:
        wanted = not (self._paused or self._clogged)
        if wanted != self._reading and not self._transport.is_closing():
            self._reading = wanted
            (self._transport.resume_reading if wanted else self._transport.pause_reading)()

    def _flush(self) -> None:
        data = b"".join(self._parser.data_to_send())
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def _look(self) -> None:
        """Ask into a long silence; leave if there is no answer."""
        now = self._loop.time()
        if not self._reading:
            self._heard = now
        wait = self._heard + HEARTBEAT_S - now
        if self._heard == self._asked:
            self._end(TimeoutError(f"no answer to a ping within {PONG_S} s"))
            return
        if wait <= 0:
            self._asked = self._heard
            self.send_ping(b"")
            wait = PONG_S
        self._beat = self._loop.call_later(wait, self._look)

    def _end(self, error: BaseException | None = None) -> None:
        """Nothing that comes later counts, nor what later errors tell."""
        if self._ended.is_set():
            return
        self._flush()
        self._frames.end()
        self.error = error or self._parser.close_exc.__cause__
        self._ended.set()
        self._transport.close()
        self._beat.cancel()
        self._beat = self._loop.call_later(CLOSE_S, self._transport.abort)


def _ignore(_: Message) -> None:
    """Before anybody listens."""
