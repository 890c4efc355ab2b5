"""The server below the application: it accepts connections, parses bytes into requests, and drops clients that keep it waiting.

    accept ── full? ──▶ 503 ── bytes that are no request ──▶ 400, 431 ── idle, or a head that does not end ──▶ closed (`Patience.idle`)
                          ├─▶ known bytes (`shortcut.py`) ──▶ the answer that is kept
                          └─▶ request ──▶ application ──▶ answer that is not read ──▶ aborted (`Patience.write`, `unsent.py`)

aiohttp does the rest. The undocumented parts that this overrides are the server factory of `web.AppRunner`, and `log_access`, which
aiohttp calls when an answer has been written; it reads no private attribute.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import Any, cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpProcessingError, RawRequestMessage
from aiohttp.http_exceptions import LineTooLong
from prometheus_client.core import CounterMetricFamily as Counter
from prometheus_client.core import GaugeMetricFamily as Gauge
from yarl import URL

from quantd.api.access.gate import GATE, Gate
from quantd.api.context import PATIENCE, Patience
from quantd.api.schema.wire import encode
from quantd.api.server.descriptors import most_connections
from quantd.api.server.errors import Failure, brief, errors, refused, response_to
from quantd.api.server.safety import HEADERS, secured
from quantd.api.server.shortcut import Shortcut, is_whole
from quantd.api.server.unsent import Unsent, unsent
from quantd.metrics import Metrics

_log = logging.getLogger("quantd.api")
_LOOKS = 10
"""Number of checks of a connection within `Patience.write`."""
_ASCII = ("expect", "upgrade", "connection", "origin", "host", "sec-websocket-", "access-control-request-")
"""Prefixes of headers that quantd obeys or sends back, which must be ASCII. Others, like cookies of other servers on this host, may hold
any bytes."""
_NO_ADDRESS = web.RequestKey("no_address", bool)
_MOST_WASTED = 1 << 20
"""Number of bytes that are read of a body that has been refused."""
_FULL = {"detail": "Too many connections are open"}
_UNREAD = "Too many bytes of answers wait to be read"
_MANY = {"detail": "Too many connections are open from this address"}


class Connection(web.RequestHandler):
    """One connection."""

    __slots__ = (
        "_asked",
        "_connections",
        "_key",
        "_look_again",
        "_peer",
        "_pending",
        "_place",
        "_refused",
        "_unmoved",
        "_unsent",
        "_until",
        "_wasted",
        "_wire",
        "_writer",
    )

    def __init__(self, connections: "Connections", **settings: Any) -> None:
        super().__init__(connections, **settings)
        self._connections = connections
        self._wire: asyncio.Transport | None = None
        self._writer: AbstractStreamWriter | None = None
        """Writes the answer to the current request."""
        self._refused = False
        self._wasted = 0
        """Number of bytes that came after a body had been refused."""
        self._peer = ""
        self._place: str | None = None
        self._key: str | None = None
        """Under which its unsent bytes are counted."""
        self._look_again: asyncio.TimerHandle | None = None
        self._unsent = 0
        self._unmoved = 0
        self._pending = 0
        """Number of pieces of data given to the parser since all requests before them had been answered."""
        self._asked = b""
        """The first of these pieces."""
        self._until = 0.0
        """Until when (s, the loop's clock) the shortcut may be taken. aiohttp counts idle time from the last answer that it sends itself,
        so that one of each few seconds has to go through it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = cast(asyncio.Transport, transport)
        self._peer = _address(transport.get_extra_info("peername"))
        self._place = self._connections.gate.connection_key(self._peer)
        self._key = self._connections.gate.address_key(self._peer)
        if (refusal := self._connections.refusal(self._place)) is not None:
            self._place = None
            self.force_close()
            self._wire.write(refusal)
            self._wire.close()
            return
        super().connection_made(transport)
        self._look()

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._connections.unsent.release(self._wire)
        self._wire = None
        self._connections.gate.limits.connections.leave(self._place)
        if self._look_again:
            self._look_again.cancel()

    def pause_writing(self) -> None:
        """Hold back what is written: more of it waits than the transport likes. Nothing of a small answer does."""
        super().pause_writing()
        if self._wire is not None:
            self._connections.unsent.hold(self._wire, self._key, self._writer.buffer_size if self._writer else 0)

    def resume_writing(self) -> None:
        """Write on."""
        super().resume_writing()
        self._connections.unsent.release(self._wire)

    def is_full(self) -> bool:
        """Return whether there is no memory for one more answer to this address."""
        return self._connections.unsent.is_full(self._key)

    def begin(self, request: web.BaseRequest) -> bool:
        """Return whether a request may be answered; if it may not, it is counted."""
        self._writer = request.writer
        full = self.is_full()
        self._connections.unsent.refused += full
        return not full

    def data_received(self, data: bytes) -> None:
        if self._refused:
            self._wasted += len(data)
            if self._wasted > _MOST_WASTED:
                self.pause_reading()
                return
        if not self._pending and self._take_shortcut(data):
            return
        self._pending += 1
        self._asked = data
        try:
            super().data_received(data)
        except Exception as error:  # for some addresses the parser raises undocumented exceptions
            _log.warning("bad request from %s: %s", self._peer, f"{type(error).__name__} in the parser")
            if self._wire and not self._wire.is_closing():
                self._wire.write(_raw(400, {"detail": "Bad Request"}))
            self.force_close()

    def _take_shortcut(self, data: bytes) -> bool:
        """Answer a request that is known, and return whether it was. Behind an answer that waits to be read it waits, too."""
        wire, loop = self._wire, asyncio.get_running_loop()
        if wire is None or wire.is_closing() or wire.get_write_buffer_size() or loop.time() > self._until or self.is_full():
            return False
        answer = self._connections.shortcut.answer(self._peer, data)
        if answer is None:
            return False
        wire.writelines(answer)
        return True

    def log_access(self, request: web.BaseRequest, response: web.StreamResponse, time: float | None) -> None:
        """Learn from a request that has been answered. If it came alone, nothing of another one waits in the parser. Of a body that was too
        slow or too large little more is read, for a client that reads the answer only when it has sent all of it."""
        self._writer = None
        self._refused = response.status in (408, 413)
        if self._pending == 1 and response.keep_alive and is_whole(self._asked):
            self._pending = 0
            self._until = asyncio.get_running_loop().time() + self._connections.patience.idle / 5
            self._connections.shortcut.learn(self._peer, self._asked, request, response)

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Read again, unless nothing more is wanted from the client. Its connection is closed after `Patience.linger`."""
        if self._wasted <= _MOST_WASTED:
            super().resume_reading(resume_parser)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Return the response to a parser error, or to an error that the application did not handle. Raises ConnectionError if it is too
        late for one."""
        if request.transport is None or request.writer.output_size:
            raise ConnectionResetError from exc
        if isinstance(exc, HttpProcessingError):
            return secured(refused(request, _status(exc), brief(exc)))
        response = secured(response_to(request, exc))
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log an error; a malformed body that nobody reads is one line of warning."""
        error = kw.get("exc_info")
        if isinstance(error, (web.RequestPayloadError, HttpProcessingError)):
            _log.warning("bad request from %s: %s", self._peer, brief(error))
        else:
            super().log_exception(*args, **kw)

    def _look(self) -> None:
        """Abort the connection if the peer has read nothing of the waiting bytes for too long.

        Checks are counted and not seconds: while this process is suspended, no client can be seen to read.
        """
        if self._wire is None:
            return
        left = unsent(self._wire)
        self._unmoved = self._unmoved + 1 if left and left == self._unsent else 0
        self._unsent = left
        self._connections.unsent.look(self._wire)
        if self._unmoved == _LOOKS:
            self._connections.stalled += 1
            self._wire.abort()
        else:
            self._look_again = asyncio.get_running_loop().call_later(self._connections.patience.write / _LOOKS, self._look)


class Connections(web.Server):
    """All connections to the API."""

    def __init__(self, server: web.Server, gate: Gate, patience: Patience, most: int) -> None:
        super().__init__(
            partial(_answered, server.request_handler),
            request_factory=partial(_request, server.request_factory),
            handler_cancellation=True,  # drops a request whose client is gone
        )
        self.gate = gate
        self.patience = patience
        self.most = most
        self.refused = 0
        """Number of connections refused because the API was full."""
        self.shortcut = Shortcut(gate)
        self.unsent = Unsent(gate.limits.settings, patience.write)
        self.stalled = 0
        """Number of connections aborted because the peer read nothing of an answer."""
        self._open: set[web.RequestHandler] = set()
        self._full = False

    def __call__(self) -> Connection:
        return Connection(
            self,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=self.patience.idle,
            lingering_time=self.patience.linger,
            auto_decompress=False,
            access_log=None,
            logger=_log,
        )

    @property
    def open(self) -> int:
        """Number of open connections."""
        return len(self._open)

    def refusal(self, place: str | None) -> bytes | None:
        """Return the answer to one connection too many; None if it may stay, and has a place among those of its address. The log says once
        that the API is full, until there is room again."""
        if len(self._open) < self.most:
            self._full = False
            return None if self.gate.limits.connections.take(place) else _raw(429, _MANY, "Retry-After: 60")
        if not self._full:
            _log.warning("%d connections are open: more are refused", self.most)
        self._full = True
        self.refused += 1
        return _raw(503, _FULL)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        self._open.add(handler)
        super().connection_made(handler, transport)

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        self._open.discard(handler)
        super().connection_lost(handler, exc)


class Runner(web.AppRunner):
    """Serves the application with at most `most` connections, or as many as the process's limit of file descriptors allows."""

    def __init__(self, app: web.Application, most: int | None = None, **settings: Any) -> None:
        super().__init__(app, **settings)
        self._most = most
        self.connections: Connections

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        gate = self.app[GATE]
        most = self._most or min(gate.limits.settings.connections, most_connections())
        self.connections = Connections(server, gate, self.app[PATIENCE], most)
        return self.connections


def measure(connections: Connections, metrics: Metrics) -> None:
    """Report the counts of the connections as metrics."""
    metrics.add(Gauge, "quantd_api_connections", "Connections to the API", (), lambda: [((), connections.open)])
    metrics.add(Counter, "quantd_api_connections_refused", "Connections that found the API full", (), lambda: [((), connections.refused)])
    metrics.add(Counter, "quantd_api_limited", "Refused for a limit of their caller", ("limit",), connections.gate.limits.counts)
    metrics.add(Counter, "quantd_api_connections_stalled", "Connections whose peer read nothing", (), lambda: [((), connections.stalled)])
    unsent = connections.unsent
    metrics.add(Gauge, "quantd_api_unsent_bytes", "Bytes of large answers that wait to be read", (), lambda: [((), unsent.total)])
    metrics.add(Counter, "quantd_api_unsent_aborted", "Connections aborted for their unread answers", (), lambda: [((), unsent.aborted)])
    metrics.add(Counter, "quantd_api_unsent_refused", "Requests that found too many unread answers", (), lambda: [((), unsent.refused)])
    metrics.add(Counter, "quantd_api_refused", "Requests refused for their token", ("reason",), connections.gate.refusals.counts)


def _request(make: Callable[..., web.BaseRequest], message: RawRequestMessage, *others: Any) -> web.BaseRequest:
    """Make the request of a message. Some targets pass the parser but are not addresses (`http://xn--.example/`); aiohttp would leave them
    hanging."""
    try:
        return make(message, *others)
    except Exception:
        request = make(message._replace(url=URL("/")), *others)
        request[_NO_ADDRESS] = True
        return request


async def _answered(handler: Callable[[Any], Awaitable[web.StreamResponse]], request: web.BaseRequest) -> web.StreamResponse:
    """Handle a request; errors that occur before the middlewares, like an unknown `Expect`, are answered like errors within them."""
    if _NO_ADDRESS in request:
        return secured(refused(request, 400, "The target is not valid"))
    if not cast(Connection, request.protocol).begin(request):
        return secured(response_to(request, Failure(503, _UNREAD, {"Retry-After": "2"})))
    if not all(value.isascii() for name, value in request.headers.items() if name.lower().startswith(_ASCII)):
        return secured(response_to(request, Failure(400, "A header is not of ASCII")))
    return await errors(cast(web.Request, request), handler)


def _status(error: HttpProcessingError) -> int:
    """Return 431 if the head is too large, else 400."""
    return 431 if isinstance(error, LineTooLong) or "Too many headers" in error.message else 400


def _address(peer: object) -> str:
    """Return the address of a peer."""
    return str(peer[0] if isinstance(peer, tuple) else peer)


def _raw(status: int, body: dict[str, str], *lines: str) -> bytes:
    """Return the bytes of a response for a connection without a request."""
    text = encode(body)
    headers = HEADERS | {"Content-Type": "application/json", "Content-Length": str(len(text)), "Connection": "close"}
    head = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*head, *lines, "", ""]).encode() + text
