"""Posts bodies over HTTP, and says what an answer means: delivered, later, or never."""

import asyncio
import base64
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from email.utils import mktime_tz, parsedate_tz
from typing import TYPE_CHECKING

import quantd
from quantd_plugins.sinks.parts.addresses import Inside, guarded_socket

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

_AGAIN = (408, 425, 429)
"""The errors of a client that pass: a time-out, too early, too many requests."""
_LONGEST_S = 3600.0
"""The longest time that a Retry-After is obeyed (s)."""
_READ = 16_384
_SHOWN = 200
_SHORTEST = 6
"""The least length of a part of an address that may be a secret."""


def session(timeout_ms: int, *, private: bool) -> "ClientSession":
    """Return a session without cookies and proxies. Unless `private`, it connects to public addresses only."""
    import aiohttp

    connector = aiohttp.TCPConnector(socket_factory=None if private else guarded_socket, use_dns_cache=False, limit=16)
    timeout = aiohttp.ClientTimeout(total=timeout_ms / 1000)
    return aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)


def host_of(url: str) -> str:
    """Return the host of an address, with its port if that is given: the part that may be shown. Raises ValueError if it is no address of
    HTTP, without quoting it."""
    from yarl import URL

    try:
        parts = URL(url)
        host, port = parts.host_subcomponent, parts.explicit_port
    except ValueError:
        host = port = None
    if not host or parts.scheme not in ("http", "https") or re.search(r"[\x00-\x20\x7f]", url):
        raise ValueError("expected an address that begins with http:// or https:// and names a host")
    return f"{host}:{port}" if port else host


async def post(http: "ClientSession", url: str, body: bytes, headers: Mapping[str, str], hidden: Sequence[str]) -> str:
    """Post a body, and return what was answered. Raises Retry, Refused, or QuantdError if it shall be tried again. No error holds the
    address, or one of the `hidden` texts."""
    import aiohttp

    host = host_of(url)
    try:
        async with http.post(url, data=body, headers=headers, allow_redirects=False) as answer:
            said = _said(await _beginning(answer), sorted({*_pieces(hidden), *_secret_parts(url)}, key=len, reverse=True))
            return _judged(answer, f"{host} answered {answer.status} {_reason(answer.status)}{said}")
    except TimeoutError:
        raise quantd.QuantdError(f"{host} did not answer within {http.timeout.total:g} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise quantd.QuantdError(f"{host}: {_cause(error)}") from None


async def _beginning(answer: "ClientResponse") -> str:
    """Return the beginning of an answer; what cannot be read is left out, since the status has been received."""
    import aiohttp

    try:
        return (await answer.content.read(_READ)).decode("utf-8", "replace")
    except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError):
        return ""


def _pieces(hidden: Sequence[str]) -> set[str]:
    """Return texts that must not be shown, and their words: an answer may repeat a token without the `Bearer` before it, or the name and
    the password that stand in Base64 after `Basic`."""
    words = [word for text in hidden for word in text.split() if len(word) >= _SHORTEST]
    found = {*hidden, *words}
    for word in words:
        with suppress(ValueError):
            login = base64.b64decode(word, validate=True).decode()
            found |= {part for part in (login, *login.split(":", 1)) if len(part) >= _SHORTEST}
    return found - {""}


def _secret_parts(url: str) -> list[str]:
    """Return the parts of an address that may be secrets, the longest first."""
    from yarl import URL

    parts = URL(url)
    login = f"{parts.user or ''}:{parts.password or ''}"
    found = [login, base64.b64encode(login.encode()).decode(), url, parts.path_qs, parts.raw_path_qs, parts.path, parts.password or ""]
    found += [*parts.query.values(), *parts.parts]
    return sorted((part for part in found if len(part) >= _SHORTEST), key=len, reverse=True)


def _said(text: str, hidden: Sequence[str]) -> str:
    for secret in filter(None, hidden):
        text = text.replace(secret, "***")
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return f": {line[:_SHOWN]}" if line else ""


def _judged(answer: "ClientResponse", told: str) -> str:
    status = answer.status
    if 200 <= status < 300:
        return told
    if status in (429, 503) and (after := retry_after(answer.headers)) is not None:
        raise quantd.Retry(after, told)
    if 400 <= status < 500 and status not in _AGAIN:
        raise quantd.Refused(told)
    if 300 <= status < 400:
        told = f"{told}; no redirect is followed: set the address that it leads to"
    raise quantd.QuantdError(told)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return for how many seconds an answer asks to wait, at most an hour; None if it does not say. A time is compared with the time of the
    answer, by the clock of the host that sent both.

    >>> retry_after({"Retry-After": "7"}), retry_after({"Retry-After": "soon"})
    (7.0, None)
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST_S)
    until = _time(text)
    if until is None:
        return None
    now = _time(headers.get("Date", ""))
    return min(max(until - (quantd.SystemClock().now() / 1000 if now is None else now), 0.0), _LONGEST_S)


def _time(text: str) -> float | None:
    """Return a time of HTTP in seconds since 1970."""
    parts = parsedate_tz(text)
    try:
        return float(mktime_tz(parts)) if parts else None
    except (ValueError, OverflowError):
        return None


def _reason(status: int) -> str:
    from http import HTTPStatus

    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _cause(error: BaseException) -> str:
    """Return what is wrong with a connection. The text of aiohttp's errors may hold the address, so only the system's is shown."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, Inside):
            return str(seen)
        if isinstance(seen, OSError) and seen.strerror:
            return os.strerror(seen.errno) if isinstance(seen.errno, int) and seen.errno > 0 else seen.strerror
        seen = getattr(seen, "os_error", None) or seen.__cause__ or seen.__context__
    return f"the request failed ({type(error).__name__})"
