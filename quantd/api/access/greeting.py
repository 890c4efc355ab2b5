"""Lets a socket in. Its caller may be known before the upgrade or say who it is in its first message; until then it is sent nothing.

Authorization: Bearer …                ─┐
Sec-WebSocket-Protocol: quantd.token.… ─┼▶ upgrade ──▶ caller ──▶ a `Visit`
?ticket=…                              ─┘   │                     or closed: 4401, 4403, as browsers do not show the status of a refusal
none of them                           ─────┴▶ {"action":"auth","token":…} within 5 s, else 4408
"""

import asyncio

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from quantd.api.access.caller import CALLER, Caller
from quantd.api.access.gate import GATE, BadToken, bearer
from quantd.api.access.tickets import TICKETS
from quantd.api.access.visits import TOO_LATE, UNAUTHORIZED, VISITS, Visit, accepted, code_of, reason
from quantd.api.route import Route
from quantd.api.schema.topics import Auth, Authenticate
from quantd.api.schema.wire import encode
from quantd.api.server.errors import Failure

PATIENCE_S = 5.0
"""Seconds for the first message of a client that has to say who it is."""
PROTOCOL = "quantd"
_OF_TOKEN = "quantd.token."
_decoder = msgspec.json.Decoder(Authenticate)


class Greeting:
    """Lets one socket in. It is made before the upgrade; `welcome` is called after it."""

    def __init__(self, request: web.Request, route: Route) -> None:
        self._request = request
        self._route = route
        self._gate = request.app[GATE]
        self._offered = [each.strip() for line in request.headers.getall("Sec-WebSocket-Protocol", ()) for each in line.split(",")]
        self._given = bearer(request) or next((each.removeprefix(_OF_TOKEN) for each in self._offered if each.startswith(_OF_TOKEN)), None)

    @property
    def protocols(self) -> tuple[str, ...]:
        """The subprotocol to choose. A browser fails if none of those that it offered is chosen, so the one with the token is sent back if
        a page offers no other."""
        if PROTOCOL in self._offered:
            return (PROTOCOL,)
        return tuple(each for each in self._offered if each.startswith(_OF_TOKEN) and "Origin" in self._request.headers)

    async def welcome(self, response: web.WebSocketResponse) -> Visit | None:
        """Return the visit of the caller. A socket without one is closed, and None is returned."""
        try:
            found = self._known() or await self._introduced(response)
            if found is None:
                return None
            self._gate.permit(found, self._route)
            self._gate.limits.admit_socket(self._request, found, self._route.rate)
        except TimeoutError:
            self._gate.refusals.note(self._address, "too late", f"it has sent no token to {self._route.path} within {PATIENCE_S:g} s")
            await _close(response, TOO_LATE, f"No token within {PATIENCE_S:g} s")
        except BadToken as error:
            self._gate.refuse(error)
            await _close(response, UNAUTHORIZED, f"The token is not valid: {error}")
        except Failure as error:
            await _close(response, code_of(error), error.detail)
        else:
            self._request[CALLER] = found
            return Visit(self._gate, self._request.app[VISITS], found, self._route)
        return None

    @property
    def _address(self) -> str:
        return self._gate.anonymous(self._request).address

    def _known(self) -> Caller | None:
        """Return the caller if it is known before its first message. Raises BadToken."""
        anybody = self._gate.anonymous(self._request)
        ticket = self._request.query.get("ticket")
        if ticket is not None and (self._given is None or not self._gate.knows_tokens):
            return self._redeemed(ticket, anybody.address)
        if self._given is not None and self._gate.knows_tokens:
            return self._gate.known(self._given, anybody.address)
        return anybody if self._route.scope in anybody.scopes else None

    def _redeemed(self, ticket: str, address: str) -> Caller:
        found = self._request.app[TICKETS].redeem(ticket)
        if found is None or self._gate.ended(found):
            raise BadToken(address, "not valid", "its ticket has been used, or is too old")
        return msgspec.structs.replace(found, address=address)

    async def _introduced(self, response: web.WebSocketResponse) -> Caller | None:
        """Return the caller by its first message; None if it has gone. Raises BadToken, Failure and TimeoutError."""
        await response.send_frame(encode(Auth(state="needed", within_s=PATIENCE_S)), WSMsgType.TEXT)
        async with asyncio.timeout(PATIENCE_S):
            message = await response.receive()
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            await _close(response, WSCloseCode.OK, "")
            return None
        try:
            text = _decoder.decode(message.data).token
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            raise BadToken(self._address, "no token", 'send {"action":"auth","token":"…"} first') from None
        found = self._gate.known(text, self._address)
        self._gate.permit(found, self._route)
        await response.send_frame(encode(accepted(found)), WSMsgType.TEXT)
        return found


async def _close(response: web.WebSocketResponse, code: int, why: str) -> None:
    await response.close(code=code, message=reason(why).encode(), drain=False)


def is_upgrade(request: web.Request) -> bool:
    """Return whether a request asks for a socket. Any other one on the route of a socket is refused like one on any route."""
    return request.headers.get("Upgrade", "").strip().lower() == "websocket"


GREETING = web.RequestKey("greeting", Greeting)
