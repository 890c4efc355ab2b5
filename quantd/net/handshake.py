"""Requests a WebSocket, and reads the head of the answer."""

import asyncio
import io
import re
from http.client import HTTPException, parse_headers
from typing import cast

from websockets.client import ClientProtocol

from quantd.net.websocket import WebSocket

LARGEST_HEAD = 1 << 16
END = b"\r\n\r\n"
AGENT = "quantd"


class NotUpgraded(Exception):
    """The server did not upgrade the connection; only the head of its answer was read."""

    def __init__(self, status: int, headers: dict[str, str]) -> None:
        """Create the error from the head of an answer, whose header names are in lower case."""
        super().__init__(status)
        self.status = status
        self.headers = headers


class Handshake(asyncio.Protocol):
    """The opening handshake. `websocket` returns the open connection, or raises NotUpgraded, the parser's errors, OSError or ValueError."""

    def __init__(self, parser: ClientProtocol) -> None:
        self.websocket: asyncio.Future[WebSocket] = asyncio.get_running_loop().create_future()
        self._parser = parser
        self._answer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # the classes of uvloop's transports do not derive from it
        request = self._parser.connect()
        request.headers["User-Agent"] = AGENT
        self._parser.send_request(request)
        self._transport.write(b"".join(self._parser.data_to_send()))

    def data_received(self, data: bytes) -> None:
        if self.websocket.done():
            return
        self._answer += data
        head, end, rest = bytes(self._answer).partition(END)
        try:
            if end:
                self._conclude(head + end, rest)
            elif len(head) > LARGEST_HEAD:
                raise ValueError("its answer has no end")
        except Exception as error:
            self.websocket.set_exception(error)

    def abort(self) -> None:
        """Close the connection at once."""
        self._transport.abort()

    def _conclude(self, head: bytes, rest: bytes) -> None:
        status, headers = _parsed(head)
        if status != 101:
            raise NotUpgraded(status, headers)
        self._parser.receive_data(head)
        if self._parser.handshake_exc:
            raise self._parser.handshake_exc
        self._parser.events_received()
        self._transport.pause_reading()
        websocket = WebSocket(self._parser, self._transport, rest)
        self._transport.set_protocol(websocket)
        self.websocket.set_result(websocket)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.websocket.done():
            self.websocket.set_exception(exc or ConnectionResetError("it hung up without an answer"))


def _parsed(head: bytes) -> tuple[int, dict[str, str]]:
    line, _, lines = head.partition(b"\r\n")
    found = re.fullmatch(rb"HTTP/\d\.\d (\d{3})( .*)?", line)
    if not found:
        raise ValueError(f"its answer is no HTTP: {line[:80]!r}")
    try:
        headers = parse_headers(io.BytesIO(lines))
    except HTTPException as error:
        raise ValueError(f"its answer is no HTTP: {error}") from None
    return int(found[1]), {name.lower(): str(value) for name, value in headers.items()}
