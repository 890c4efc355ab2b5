"""Decides who sends a request, and whether it may use a route.

request ──▶ token? ──▶ API token or JWT ──▶ its scopes    ─┐
             └ none ──▶ open? ──▶ read and write          ─┼▶ scope of the route among them? ──▶ limits ──▶ handler
                         └ no ──▶ nothing but `public`    ─┘    └ no ──▶ 401, or 403 for whom a token would not help
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

from aiohttp import web

from quantd.api.access.caller import CALLER, PUBLIC, Caller, Scopes, scopes_of, shared
from quantd.api.access.issuer import Issuer, Refused
from quantd.api.access.limits import CallerLimits
from quantd.api.access.proxies import Proxies, is_forwarded, is_local
from quantd.api.access.refusals import Reason, Refusals
from quantd.api.route import Route
from quantd.api.server.errors import Failure
from quantd.clock import Clock, SystemClock
from quantd.config.addresses import is_loopback
from quantd.config.model import ApiSettings
from quantd.supervision.troubles import Troubles
from quantd.tokens import Token, Tokens, parts

_OPEN: Scopes = scopes_of("write")
_LOOK_EVERY_S = 0.5
_CHALLENGE = 'Bearer realm="quantd"'
_NEEDS_TOKEN = "A token is needed: send `Authorization: Bearer <token>`; `quantd token create NAME --scope {scope}` makes one"
_WRONG = "The token is not valid: {why}; `quantd token create NAME --scope {scope}` makes one"
_LACKS = "This needs a token with the scope {scope}{has}: `quantd token create NAME --scope {scope}` makes one"


class BadToken(Exception):
    """The token of a request is not valid. The text says why, in words that hold no part of the token."""

    def __init__(self, who: str, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.who = who
        self.reason = reason


class Gate:
    """Admits callers."""

    def __init__(
        self, settings: ApiSettings, tokens: Tokens | None = None, troubles: Troubles | None = None, clock: Clock | None = None
    ) -> None:
        self.clock = clock or SystemClock()
        self.refusals = Refusals(self.clock)
        self.limits = CallerLimits(settings.limits, self.clock)
        self._auth = settings.auth
        self._tokens = tokens
        self._issuer = Issuer(settings.auth.jwt, troubles) if settings.auth.jwt.issuer else None
        self._proxies = Proxies(settings.trusted_proxies)
        self._local = is_loopback(settings.listen.rpartition(":")[0]) and not settings.trusted_proxies
        """Whether the API is open to this host while there is neither token nor issuer."""
        self._due = float("-inf")

    def admit(self, request: web.Request, route: Route) -> Caller:
        """Return the caller, who is noted in the request. Raises Failure if it may not use the route, or not now."""
        found = self._caller(request, route)
        self.limits.admit(request, found, route.rate)
        self.permit(found, route)
        request[CALLER] = found
        return found

    def connection_key(self, peer: str) -> str | None:
        """Return the key under which connections of an address are counted; None if it may have as many as it likes."""
        return None if self._proxies.trusts(peer) else self.limits.key_of(peer)

    def address_key(self, peer: str) -> str | None:
        """Return the key under which the unsent bytes of an address are counted, also of one of this machine; None for a trusted proxy."""
        return None if self._proxies.trusts(peer) else shared(f"ip:{peer}")

    def again(self, request: web.Request | web.BaseRequest) -> Callable[[], bool]:
        """Return a function that tells whether the caller of an admitted request may send it again now. It costs next to nothing."""
        found = request.get(CALLER)
        return partial(self._readmits, self.version, None if found is None else found.until)

    def _readmits(self, version: int, until: int | None) -> bool:
        self.look()
        return version == self.version and (until is None or self.clock.now() < until)

    @property
    def version(self) -> int:
        """Changes whenever somebody's rights may have."""
        return (self._tokens.version if self._tokens else 0) + (self._issuer.version if self._issuer else 0)

    def look(self) -> None:
        """Learn of changes to the tokens and keys, unless it did a moment ago."""
        now = self.clock.monotonic()
        if now < self._due:
            return
        self._due = now + _LOOK_EVERY_S
        if self._tokens:
            self._tokens.look()
        if self._issuer:
            self._issuer.look()

    def _look_for(self, text: str) -> None:
        """Learn of a token that was made a moment ago."""
        found = parts(text)
        if self._tokens and found and self._tokens.by_id(found[0]) is None:
            self._tokens.look()

    def permit(self, found: Caller, route: Route) -> None:
        """Raise Failure if a caller may not use a route. Requests and sockets come through here."""
        scope, path = route.scope, route.path
        if scope in found.scopes:
            return
        if found.name is None and "read" not in found.scopes:
            self.refusals.note(found.address, "no token", f"it has sent no token for {path}")
            raise unauthorized(_NEEDS_TOKEN.format(scope=scope))
        has = "" if found.name is None else f", and {found.name!r} has {_shown(found.scopes)}"
        self.refusals.note(found.name or found.address, "scope", f"{path} needs the scope {scope}{has}")
        challenge = f'{_CHALLENGE}, error="insufficient_scope", scope="{scope}"'
        raise Failure(403, _LACKS.format(scope=scope, has=has), {"WWW-Authenticate": challenge})

    def _caller(self, request: web.Request, route: Route) -> Caller:
        """Return the caller by its `Authorization`. Raises Failure if that is not valid and counts; the request is its address's then."""
        scope = route.scope
        text = bearer(request)
        if text is not None:
            self._look_for(text)
        anybody = self.anonymous(request)
        if text is None or scope == "public" or not self.knows_tokens:
            return anybody
        try:
            return self.known(text, anybody.address)
        except BadToken as error:
            self.limits.admit(request, anybody, route.rate)
            self.refuse(error)
            raise unauthorized(_WRONG.format(why=error, scope=scope), invalid=True) from None

    def refuse(self, error: BadToken) -> None:
        """Note that a token was not valid."""
        self.refusals.note(error.who, error.reason, f"its token is not valid: {error}")

    @property
    def knows_tokens(self) -> bool:
        """Whether there is anything that a token could be. If not, a token that is sent means nothing."""
        self.look()
        return self._issuer is not None or (self._tokens is not None and self._tokens.exist)

    def anonymous(self, request: web.BaseRequest) -> Caller:
        """Return the caller as it is without a token."""
        direct = is_local(request.remote or "") and not is_forwarded(request)
        return Caller(self._proxies.client(request), _OPEN if self._is_open(direct) else PUBLIC, is_direct=direct)

    def _is_open(self, direct: bool) -> bool:
        """Return whether a request, which came direct or not, may read and write without a token."""
        if self._auth.mode == "none":
            return True
        opened = self._auth.loopback == "open" or (self._local and not self.knows_tokens)
        return opened and direct

    def ended(self, found: Caller) -> Literal["expired", "revoked"] | None:
        """Return why a caller who was admitted would not be now; None if it would. One without a token is so while the API is open."""
        self.look()
        if found.until is not None and self.clock.now() >= found.until:
            return "expired"
        if found.token is not None:
            token = self._tokens.by_id(found.token) if self._tokens else None
            return token.ended(self.clock.now()) if token else "revoked"
        if found.signed_by is not None:
            return None if self._issuer and self._issuer.has(found.signed_by) else "revoked"
        stays = self._auth.mode == "none" or self._auth.loopback == "open" or not self.knows_tokens
        return None if stays else "revoked"

    def known(self, text: str, address: str) -> Caller:
        """Return the caller that a token names. Raises BadToken, and TooMany if this address has sent many that are not known; one that is
        known is let in all the same."""
        self.look()
        self._look_for(text)
        token, same = self._tokens.of(text) if self._tokens else (None, False)
        if token is not None and same:
            return self._of_token(token, address)
        if self._issuer is None or self._issuer.known(text, self.clock.now()) is None:
            self.limits.admit_login(address)
        try:
            return self._of_issuer(text, address)
        except BadToken:
            self.limits.login_failed(address)
            raise

    def _of_issuer(self, text: str, address: str) -> Caller:
        if self._issuer is None or text.startswith("quantd_"):
            raise BadToken(address, "not valid", "it is not known here")
        try:
            grant = self._issuer.grant(text, self.clock.now())
        except Refused as error:
            raise BadToken(address, "not valid", str(error)) from None
        if self.clock.now() >= grant.until:
            raise BadToken(grant.name, "expired", "it has expired")
        return Caller(address, grant.scopes, grant.name, grant.until, signed_by=grant.signed_by)

    def _of_token(self, token: Token, address: str) -> Caller:
        if why := token.ended(self.clock.now()):
            raise BadToken(token.name, why, f"{token.name!r} is {why}")
        return Caller(address, scopes_of(token.scope), token.name, token.until, token.id)


def bearer(request: web.BaseRequest) -> str | None:
    """Return the token in `Authorization`; None if there is none. Another scheme than Bearer is not ours."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" and text.strip() else None


def unauthorized(detail: str, *, invalid: bool = False) -> Failure:
    """Return the failure of a request that needs a token, or a valid one."""
    return Failure(401, detail, {"WWW-Authenticate": _CHALLENGE + (', error="invalid_token"' if invalid else "")})


def _shown(scopes: Scopes) -> str:
    return next((right for right in ("admin", "write", "read") if right in scopes), "none of them")


GATE = web.AppKey("gate", Gate)
