"""Faults of REST: error answers, missing answers, and wrong data."""

import asyncio
import gzip
import json
import socket
import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any, Literal

from aiohttp import web
from aiohttp.typedefs import Handler
from msgspec import Meta

from quantd.simulator.faults.fault import FaultRun, HttpFault
from quantd.simulator.faults.spec import Count, Natural
from quantd.simulator.query import JSON

HTML = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr><center>nginx</center></body></html>"
REDIRECT = "http://169.254.169.254/latest/meta-data/"
BOMB_BYTES = 64 * 1024 * 1024
OVERLAP = 10
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER of zero seconds: close sends RST
MESSAGES = {
    403: (0, "Forbidden"),
    408: (-1007, "Timeout waiting for response from backend server."),
    418: (-1003, "Way too many requests; IP banned until {until}. Please use the websocket for live updates to avoid bans."),
    429: (-1003, "Too many requests; current limit of IP is 2400 requests per minute."),
    451: (0, "Service unavailable from a restricted location according to 'b. Eligibility'."),
    503: (-1008, "Server is currently overloaded with other requests. Please try again in a few minutes."),
}


class RestFault(HttpFault, frozen=True, kw_only=True):
    """A fault of REST requests. `n` ends it after that many requests."""

    n: Count | None = None

    def at(self, listener: str) -> bool:
        return listener == "rest"

    async def serve(self, run: FaultRun, handler: Handler, request: web.Request) -> web.StreamResponse:
        run.over = self.n is not None and run.struck >= self.n
        return await self.reply(run, handler, request)

    async def reply(self, run: FaultRun, handler: Handler, request: web.Request) -> web.StreamResponse:
        """Return the answer that replaces the one of `handler`."""
        raise NotImplementedError


class RestStatus(RestFault, frozen=True, kw_only=True):
    """Answers after `delay_ms` with a `status`. `body` selects the body.

    `truncated`, `wrong_length`, `slow` (a byte every `delay_ms`) and `gzip_bomb` spoil a body of JSON; `redirect` is a 302
    to an address that nobody should ask; `reset` and `hang` are no answer at all. `retry_after` is sent as it stands:
    seconds, a date, or nonsense.
    """

    status: Annotated[int, Meta(ge=200, le=599)] = 503
    body: Literal["json", "html", "empty", "truncated", "wrong_length", "slow", "gzip_bomb", "redirect", "reset", "hang"] = "json"
    retry_after: int | str | None = None
    delay_ms: Natural = 0

    async def reply(self, run: FaultRun, handler: Handler, request: web.Request) -> web.StreamResponse:
        if self.body == "hang":
            await run.ended.wait()
        elif self.body != "slow":
            await asyncio.sleep(self.delay_ms / 1000)
        if self.body in ("hang", "reset"):
            _reset(request)
        if self.body in ("truncated", "wrong_length", "slow"):
            return await self._spoiled(request)
        return await self._whole()

    async def _whole(self) -> web.Response:
        response = web.Response(status=self.status, headers=self._headers())
        if self.body == "json":
            response.body, response.headers["Content-Type"] = self._json(), JSON
        elif self.body == "html":
            response.text, response.content_type = HTML.format(f"{self.status} Error"), "text/html"
        elif self.body == "redirect":
            response.set_status(302)
            response.headers["Location"] = REDIRECT
        elif self.body == "gzip_bomb":
            response.body = await asyncio.to_thread(_bomb)
            response.headers.update({"Content-Encoding": "gzip", "Content-Type": JSON})
        return response

    async def _spoiled(self, request: web.Request) -> web.StreamResponse:
        """Send half of the JSON, with its own length or that of the whole, or all of it slowly."""
        body = self._json()
        half = body[: len(body) // 2]
        length = len(half) if self.body == "truncated" else len(body)
        response = web.StreamResponse(status=self.status, headers=self._headers() | {"Content-Type": JSON, "Content-Length": str(length)})
        await response.prepare(request)
        if self.body == "slow":
            for byte in body:
                await response.write(bytes((byte,)))
                await asyncio.sleep(self.delay_ms / 1000)
        else:
            await response.write(half)
        if self.body == "wrong_length" and request.transport is not None:
            request.transport.close()
        return response

    def _json(self) -> bytes:
        code, message = MESSAGES.get(self.status, (-1000, "An unknown error occured while processing the request."))
        return json.dumps({"code": code, "msg": message.format(until="4133404800000")}, separators=(",", ":")).encode()

    def _headers(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


class RestStall(RestFault, frozen=True, kw_only=True):
    """Holds all answers until the fault ends, and then gives the normal ones."""

    mode: Literal["rest"]

    async def reply(self, run: FaultRun, handler: Handler, request: web.Request) -> web.StreamResponse:
        await run.ended.wait()
        return await handler(request)


class RestLie(RestFault, frozen=True, kw_only=True):
    """Returns rows other than the requested ones.

    `overlap` begins a page of trades 10 ids early, `wrong_symbol` serves the trades of another, `recent` the newest rows
    whatever was asked; `empty` and `error` are what exchanges answer to requests beyond their horizon.
    """

    mode: Literal["missing_row", "duplicate_row", "unsorted", "overlap", "wrong_symbol", "recent", "empty", "error"]

    async def reply(self, run: FaultRun, handler: Handler, request: web.Request) -> web.StreamResponse:
        if self.mode == "error":
            return web.json_response({"code": -1127, "msg": "Lookup interval is too big."}, status=400)
        asked = dict(request.query)
        if self.mode == "overlap" and "fromId" in asked:
            asked["fromId"] = str(max(0, int(asked["fromId"]) - OVERLAP))
        elif self.mode == "wrong_symbol" and "symbol" in asked:
            asked["symbol"] = run.random.choice([name for name in run.symbols if name != asked["symbol"]] or [asked["symbol"]])
        elif self.mode == "recent":
            asked = {name: value for name, value in asked.items() if name not in ("fromId", "startTime", "endTime")}
        response = await handler(request.clone(rel_url=request.rel_url.with_query(asked)))
        change = _CHANGES.get(self.mode)
        if change is None or response.status != 200 or not isinstance(response, web.Response) or not isinstance(response.body, bytes):
            return response  # no rows to change, for example another fault's error
        rows = json.loads(response.body)
        if isinstance(rows, list):
            response.body = json.dumps(change(run, rows), separators=(",", ":"), ensure_ascii=False).encode()
        return response


@lru_cache
def _bomb() -> bytes:
    return gzip.compress(b"[" + b" " * BOMB_BYTES + b"]")


def _reset(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        request.transport.abort()


def _without_one(run: FaultRun, rows: list[Any]) -> list[Any]:
    at = run.random.randrange(1, len(rows) - 1) if len(rows) > 2 else 0
    return rows[:at] + rows[at + 1 :]


def _with_one_twice(run: FaultRun, rows: list[Any]) -> list[Any]:
    at = run.random.randrange(len(rows)) if rows else 0
    return rows[: at + 1] + rows[at:]


def _shuffled(run: FaultRun, rows: list[Any]) -> list[Any]:
    return run.random.sample(rows, len(rows))


_CHANGES: dict[str, Callable[[FaultRun, list[Any]], list[Any]]] = {
    "missing_row": _without_one,
    "duplicate_row": _with_one_twice,
    "unsorted": _shuffled,
    "empty": lambda _case, _rows: [],
}
