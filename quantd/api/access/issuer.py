"""Checks JSON Web Tokens (RFC 7519) of the configured issuer.

The algorithm of a token is never chosen by the token: a secret is for HS256, a key of a JWKS file for the one that its kind has.
"""

import logging
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from quantd.api.access.caller import PUBLIC, Scopes, scopes_of
from quantd.config.access import JwtSettings
from quantd.supervision.troubles import Troubles
from quantd.tokens import RIGHTS

if TYPE_CHECKING:
    from jwt import PyJWK

_log = logging.getLogger("quantd.tokens")
_MOST_KNOWN = 1_024
_LONGEST = 8_192
_LAST = 253_402_300_799_000
"""The end of the year 9999, ms, after which no time can be told."""
_LONGEST_NAME = 64
_SECRET = "secret"
"""The mark of the secret, which changes only with the config."""


class Refused(Exception):
    """The token is not valid; the text says why, without a part of the token."""


class Grant(Struct, frozen=True):
    """This is what a valid token says."""

    name: str
    scopes: Scopes
    until: int
    """When it ends, ms."""
    signed_by: str
    """Mark of the key that it was verified with, see `Issuer.has`."""


class Issuer:
    """The issuer of JSON Web Tokens, with what it signs them by."""

    def __init__(self, settings: JwtSettings, troubles: Troubles | None = None) -> None:
        self.version = 0
        """Changes whenever the keys do."""
        self._settings = settings
        self._troubles = troubles
        self._keys: dict[str, PyJWK] = {}
        """The keys of the JWKS file, by mark."""
        self._stamp: object = None
        self._known: dict[bytes, Grant] = {}
        self.look()

    def look(self) -> None:
        """Read the JWKS file again if it has changed."""
        if not self._settings.jwks:
            return
        path = Path(self._settings.jwks)
        stamp: object
        try:
            found = path.stat()
            stamp = found.st_ctime_ns, found.st_ino, found.st_size
            if stamp == self._stamp:
                return
            keys, fault = _keys(path.read_bytes()), ""
        except OSError as error:
            keys, stamp, fault = {}, error.strerror, _fault(path, error)
        except ValueError as error:
            keys, fault = {}, _fault(path, error)
        if stamp != self._stamp:
            self._take(stamp, keys, fault)

    def _take(self, stamp: object, keys: "dict[str, PyJWK]", fault: str) -> None:
        self._stamp, self._keys, self.version = stamp, keys, self.version + 1
        self._known.clear()
        if fault:
            _log.error("no JWT is valid: %s", fault)
        if self._troubles and fault:
            self._troubles.begin("access", "jwks", f"no JWT is valid: {fault}")
        elif self._troubles:
            self._troubles.end("access", "jwks")

    def has(self, mark: str) -> bool:
        """Return whether tokens of the key of this mark are still accepted."""
        return mark in self._keys or (mark == _SECRET and bool(self._settings.secret))

    def known(self, text: str, now: int) -> Grant | None:
        """Return what a token says that was found valid before, and has not ended; None for any other."""
        found = self._known.get(_key(text))
        return found if found and now < found.until else None

    def grant(self, text: str, now: int) -> Grant:
        """Return what a token says. Raises Refused. A token that was valid is not checked again until it ends."""
        if known := self.known(text, now):
            return known
        found = self._checked(text)
        while len(self._known) >= _MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[_key(text)] = found
        return found

    def _checked(self, text: str) -> Grant:
        import jwt

        settings = self._settings
        required = ["exp", "iss", *(["aud"] if settings.audience else [])]
        try:
            mark, key, algorithm = self._key(text)
            claims = jwt.decode(
                text,
                key,
                algorithms=[algorithm],
                issuer=settings.issuer,
                audience=settings.audience or None,
                leeway=settings.leeway / 1000,
                options={"require": required, "verify_aud": bool(settings.audience)},
            )
            until = min(int(claims["exp"]) * 1000 + settings.leeway, _LAST)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise Refused(_why(error)) from None
        return Grant(_name(claims), _scopes(claims.get(settings.claim)), until, mark)

    def _key(self, text: str) -> "tuple[str, PyJWK | str, str]":
        """Return the mark and the key of a token, and the only algorithm that is accepted with it. Raises Refused and jwt.PyJWTError."""
        import jwt

        if len(text) > _LONGEST:
            raise Refused("it is too long")
        if self._settings.secret:
            return _SECRET, self._settings.secret, "HS256"
        header = jwt.get_unverified_header(text)
        named = [each for each in self._keys.items() if "kid" not in header or each[1].key_id == header["kid"]]
        keys = [(mark, key) for mark, key in named if key.algorithm_name == header.get("alg")]
        if len(keys) != 1:
            raise Refused("its key is not in the JWKS file" if not keys else "it does not name its key (kid)")
        ((mark, key),) = keys
        return mark, key, key.algorithm_name


def fault_of(path: Path) -> str | None:
    """Return what is wrong with a JWKS file; None if tokens can be checked with its keys."""
    try:
        _keys(path.read_bytes())
    except (OSError, ValueError) as error:
        return _fault(path, error)
    return None


def _fault(path: Path, error: OSError | ValueError) -> str:
    return f"{path} cannot be read: {error.strerror}" if isinstance(error, OSError) else f"{path} is no JWKS file: {error}"


def _key(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def _keys(data: bytes) -> "dict[str, PyJWK]":
    """Return the keys of a JWKS file that sign with RS256 or ES256, by mark. Raises ValueError."""
    import jwt

    try:
        listed = msgspec.json.decode(data, type=dict[str, Any]).get("keys")
    except (msgspec.MsgspecError, UnicodeError):
        listed = None
    if not isinstance(listed, list):
        raise ValueError("it has no list `keys`")
    found = {}
    for each in listed:
        algorithm = _algorithm(each)
        if algorithm is None or each.get("use", "sig") != "sig" or each.get("alg", algorithm) != algorithm:
            continue
        try:
            key = _public(each)
            found[sha256(msgspec.json.encode(key, order="sorted")).hexdigest()] = jwt.PyJWK(key, algorithm)
        except (jwt.PyJWTError, ValueError, TypeError):
            raise ValueError("one of its keys cannot be read") from None
    if not found:
        raise ValueError("none of its keys is for RS256 or ES256")
    return found


def _algorithm(key: object) -> str | None:
    """Return the algorithm that a key is for, by its kind; None if it is another one."""
    match key:
        case {"kty": "RSA"}:
            return "RS256"
        case {"kty": "EC", "crv": "P-256"}:
            return "ES256"
    return None


def _public(key: Mapping[str, Any]) -> dict[str, Any]:
    """Return a key without its private part, if somebody has put that into the file."""
    return {name: value for name, value in key.items() if name in ("kty", "kid", "use", "alg", "n", "e", "crv", "x", "y")}


def _name(claims: Mapping[str, Any]) -> str:
    """Return the name of a token for the log and the limits."""
    text = str(claims.get("sub") or claims["iss"])
    return f"jwt:{''.join(filter(str.isprintable, text))[:_LONGEST_NAME]}"


def _scopes(claim: object) -> Scopes:
    """Return the rights that a claim names, as a text of words or a list of them; others are not ours.

    >>> sorted(_scopes("openid write")), sorted(_scopes(["read"])), sorted(_scopes(None))
    (['public', 'read', 'write'], ['public', 'read'], ['public'])
    """
    words = claim.split() if isinstance(claim, str) else claim if isinstance(claim, list) else []
    return PUBLIC.union(*(scopes_of(right) for right in RIGHTS if right in words))


def _why(error: BaseException) -> str:
    """Return why a token is not valid, in words that hold no part of it."""
    import jwt

    reasons: tuple[tuple[type[Exception], str], ...] = (
        (jwt.ExpiredSignatureError, "it has expired"),
        (jwt.ImmatureSignatureError, "it is not valid yet"),
        (jwt.InvalidIssuerError, "it is of another issuer"),
        (jwt.InvalidAudienceError, "it is for another audience"),
        (jwt.MissingRequiredClaimError, "it lacks iss, exp or aud"),
        (jwt.InvalidAlgorithmError, "its algorithm is not accepted"),
        (jwt.InvalidSignatureError, "its signature is wrong"),
    )
    return next((text for kind, text in reasons if isinstance(error, kind)), "it cannot be read")
