"""Asks a running daemon for its state over its API, with plain requests and short timeouts."""

import http.client
import json
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from msgspec import Struct

from quantd.errors import QuantdError, checked

TIME_OUT_S = 3.0
_HINT = ": is the daemon running? --url tells where else it is"
_MOST_BYTES = 50_000_000
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "[::]": "::1"}


class Unreachable(QuantdError):
    """Raised if no daemon answers at the address."""

    exit_code = 69  # EX_UNAVAILABLE


class Denied(QuantdError):
    """Raised if the daemon demands a token, or another one."""

    exit_code = 77  # EX_NOPERM

    def __init__(self, told: str) -> None:
        super().__init__(f"{told}; put a token of `quantd token create` into the environment variable QUANTD_TOKEN")


class DaemonStatus(Struct, frozen=True):
    """The bodies of the answers. `waiting` says why the daemon is not ready; it is None if the daemon is ready."""

    health: dict[str, Any]
    waiting: str | None
    quality: list[dict[str, Any]]
    pairs: list[dict[str, Any]]


def find(config: Path | None, url: str | None) -> str:
    """Return the address of the daemon: the given one, $QUANTD_URL, the one that the config names, or without a config the one where a
    daemon listens by default. Raises QuantdError."""
    import os

    if url is not None:
        return checked("--url", demand_address, url)
    if named := os.environ.get("QUANTD_URL"):
        return checked("QUANTD_URL", demand_address, named)
    from quantd.config.load import NoConfig, load
    from quantd.config.model import ApiSettings

    try:
        return address(load(config, os.environ).config.api.listen)
    except NoConfig:
        return address(ApiSettings().listen)


def address(listen: str) -> str:
    """The URL of an API that listens there, as seen from this host."""
    host, _, port = listen.rpartition(":")
    host = _EVERYWHERE.get(host, host).strip("[]")
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def demand_address(url: str) -> str:
    """Return the URL without a slash at its end. Raises ValueError if it is not an address."""
    parts = urlsplit(url)
    if parts.username is not None:
        raise ValueError("a user and a password are not asked for: leave them out")
    if parts.scheme not in ("http", "https") or not parts.hostname or (parts.port is None and url.rstrip("/").endswith(":")):
        raise ValueError(f"{url!r} is no address: write it like http://127.0.0.1:8000")
    return url.rstrip("/")


def ask(base: str, token: str | None = None) -> DaemonStatus:
    """Ask the daemon at this address. Raises Unreachable or Denied."""
    _, health = _get(base, "/health", token)
    code, ready = _get(base, "/ready", token)
    _, quality = _get(base, "/quality", token)
    _, pairs = _get(base, "/pairs", token)
    if not (isinstance(health, dict) and "status" in health and isinstance(quality, list) and isinstance(pairs, list)):
        raise Unreachable(f"{base} answers, but is no quantd")
    waiting = None if code == 200 else str(ready.get("detail", ready)) if isinstance(ready, dict) else str(ready)
    return DaemonStatus(health, waiting, quality, pairs)


def _get(base: str, path: str, token: str | None) -> tuple[int, Any]:
    """Return the status and the body of an answer. No proxy is used, because the daemon is on this host or in its network. If the answer
    leads elsewhere, the token is not sent there."""
    request = Request(base + path)
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=TIME_OUT_S) as response:
            return response.status, json.loads(response.read(_MOST_BYTES))
    except HTTPError as error:
        if error.code == 503 and path == "/ready":
            return 503, json.loads(error.read(_MOST_BYTES))
        failed = Denied if error.code in (401, 403) else Unreachable
        raise failed(f"{base}{path} answers with {error.code} {_detail(error)}") from None
    except TimeoutError:
        raise Unreachable(f"{base} does not answer within {TIME_OUT_S:g} s") from None
    except URLError as error:
        slow = isinstance(error.reason, TimeoutError)
        why = f"does not answer within {TIME_OUT_S:g} s" if slow else f"cannot be reached: {_why(error.reason)}{_HINT}"
        raise Unreachable(f"{base} {why}") from None
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"{base} cannot be reached: {_why(error)}{_HINT}") from None
    except ValueError:
        raise Unreachable(f"{base} answers, but is no quantd") from None


def _detail(error: HTTPError) -> str:
    """Return the description of an error; answers of quantd have it in `detail`."""
    try:
        body = json.loads(error.read(_MOST_BYTES))
    except (OSError, ValueError, http.client.HTTPException):
        return error.reason
    text = body.get("detail") if isinstance(body, dict) else None
    return "".join(filter(str.isprintable, text)) if isinstance(text, str) else error.reason


def _why(reason: object) -> str:
    text = getattr(reason, "strerror", None) or str(reason)
    return str(text) or type(reason).__name__
