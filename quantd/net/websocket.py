"""An open WebSocket, read as fast as its messages are taken."""

import asyncio
from collections.abc import Callable

from websockets.client import ClientProtocol
from websockets.frames import CloseCode
from websockets.protocol import State

from quantd.net.frames import FrameReader, Message

HEARTBEAT_S = 15.0
"""Seconds of silence after which a ping is sent."""
PONG_S = 7.5
"""Seconds within which data must arrive after that ping."""
CLOSE_S = 1.0
"""Seconds that sending the last message may take."""


class WebSocket(asyncio.Protocol):
    """An open WebSocket. Nothing is read before `run`. Pings are answered; a connection that stays silent even after a ping is closed."""

    def __init__(self, parser: ClientProtocol, transport: asyncio.Transport, first: bytes) -> None:
        """Create a WebSocket on a paused transport. `first` holds the data that followed the answer to the upgrade; the parser has read
        that answer.
        """
        self.error: BaseException | None = None
        """The error that ended the connection; None after a normal close."""
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
        """The value of `_heard` at the last ping."""
        self._beat = self._loop.call_later(HEARTBEAT_S, self._look)

    @property
    def code(self) -> int | None:
        """Return the close code, sent by either side; None before the end."""
        if self._parser.state is not State.CLOSED:
            return None
        closed = self._parser.close_exc
        close = closed.rcvd or closed.sent
        return close.code if close else CloseCode.ABNORMAL_CLOSURE

    @property
    def reason(self) -> str:
        """Return the reason for the close that the other side gave."""
        return self._parser.close_reason or ""

    @property
    def paused(self) -> bool:
        """Return whether reading is paused until `resume`."""
        return self._paused

    async def run(self, take: Callable[[Message], None]) -> None:
        """Pass messages to `take` until the end. An exception of `take` ends the connection, and is raised."""
        self._take = take
        self.resume()
        first, self._first = self._first, b""
        self.data_received(first)
        await self._ended.wait()
        if self._fault:
            raise self._fault

    def pause(self) -> None:
        """Stop reading, so that TCP holds up the other end; data already read are still passed on."""
        self._paused = True
        self._regulate()

    def resume(self) -> None:
        """Continue reading."""
        self._paused = False
        self._heard = self._loop.time()  # reading was paused, so this silence does not count
        self._regulate()

    def send_text(self, text: bytes) -> None:
        """Send a text. After the end, nothing is sent."""
        if self._parser.state is State.OPEN:
            self._parser.send_text(text)
            self._flush()

    def send_ping(self, payload: bytes) -> None:
        """Send a ping; its pong arrives as a message. After the end, nothing is sent."""
        if self._parser.state is State.OPEN:
            self._parser.send_ping(payload)
            self._flush()

    def close(self) -> None:
        """Close the connection with a close frame. No message is passed on any more."""
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
        except Exception as error:  # the exception comes from the caller's `take`
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
        """Stop reading from a peer that does not read our answers."""
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
        """Send a ping after a long silence; close the connection if there is no answer."""
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
        """End the connection. Later data and errors are ignored."""
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
    """Ignore messages until `run` is called."""
