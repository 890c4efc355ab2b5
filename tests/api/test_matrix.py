"""Every route × token × origin × host: whoever has not the right reaches no service, so that nothing is read and nothing changes."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import wraps
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest

from quantd.api.access.caller import PUBLIC, Scopes, scopes_of
from quantd.api.route import Route
from quantd.api.table import ROUTES
from quantd.config.model import ApiSettings
from quantd.testing.services import FakeServices

from .tokens import DAY, Guarded, guarded

IN_PATH = defaultdict(lambda: "x", symbol="BTCUSDT", pair="BTCUSDT-ETHUSDT", id="rule-1", name="docs.css")
BODIES: dict[str, Any] = {
    "/stream/start": {"symbols": ["BTCUSDT"]},
    "/stream/stop": {"symbols": ["BTCUSDT"]},
    "/alerts": {"metric": "price", "pair": "BTCUSDT", "op": ">", "value": 1},
    "/api/v1/silences": {"match": "severity=page", "for": "1h"},
}
WRITTEN = ("/alerts", "/stream", "/data/", "/api/v1/alerts", "/api/v1/silences", "/api/v1/deliveries")
OURS, EVIL = "http://localhost:8080", "http://evil.example"
ORIGINS = (None, OURS, EVIL, "null")
HOSTS = ("localhost", "evil.example")
SERVICES = ("symbols", "market", "analytics", "alerts", "rules", "silences", "status", "database", "events")


def noted(calls: list[str], name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(*args: Any, **given: Any) -> Any:
        calls.append(name)
        return method(*args, **given)

    return call


def watched(services: FakeServices) -> list[str]:
    """The names of all methods of services that are called from now on."""
    calls: list[str] = []
    for name in SERVICES:
        service = getattr(services, name)
        for each in [each for each in dir(service) if not each.startswith("_") and callable(getattr(service, each))]:
            setattr(service, each, noted(calls, f"{name}.{each}", getattr(service, each)))
    return calls


def tokens_of(api: Guarded) -> dict[str, tuple[str | None, Scopes]]:
    """A token of each kind, and what it gives."""
    good = {scope: (api.token(scope, f"of-{scope}"), scopes_of(scope)) for scope in ("read", "write", "admin")}
    bad = {
        "expired": api.token("admin", "expired", days=1),
        "revoked": api.token("admin", "revoked"),
        "forged": f"{good['admin'][0][:-6]}AAAAAA",
        "unknown": f"quantd_{'0' * 12}_{'A' * 43}",
        "empty": "",
    }
    api.revoke("revoked")
    api.clock.go_on(2 * DAY / 1000)
    return {"none": (None, PUBLIC), **good, **{name: (text, PUBLIC) for name, text in bad.items()}}


def expected(route: Route, scopes: Scopes, origin: str | None, host: str) -> int | None:
    """The status of a refusal; None for a request that reaches its handler."""
    if host != "localhost":
        return 421
    if route.method != "GET" and origin not in (None, OURS):
        return 403
    if route.scope in scopes:
        return None
    return 403 if "read" in scopes else 401


def places() -> Iterator[Any]:
    yield from (pytest.param(route, id=f"{route.method} {route.path}") for route in ROUTES)


@pytest.mark.parametrize("route", list(places()))
async def test_nobody_reaches_a_service_without_the_right(tmp_path: Path, route: Route) -> None:
    async with guarded(tmp_path, ApiSettings()) as api:
        known, calls = tokens_of(api), watched(api.services)
        body = msgspec.json.encode(BODIES.get(route.path, {})) if route.method != "GET" else b""
        target = route.path.format_map(IN_PATH)
        for (name, (token, scopes)), origin, host in product(known.items(), ORIGINS, HOSTS):
            calls.clear()
            api.clock.go_on(60.0)
            headers = [f"Content-Length: {len(body)}", *([f"Origin: {origin}"] if origin else [])]
            answer = await api.ask(target, *headers, token=token, method=route.method, host=host, body=body)
            refused = expected(route, scopes, origin, host)
            case = f"{name} {origin} {host}"
            if refused:
                assert (answer.status, calls) == (refused, []), case
                assert isinstance(answer.detail, str)
            else:
                assert answer.status not in (401, 403, 421, 429, 500), case
                assert calls or route.method == "GET" or route.query or route.body or route.path == "/api/v1/ticket", case


@pytest.mark.parametrize("method", ["PUT", "PATCH", "TRACE", "CONNECT", "BREW"])
async def test_no_other_method_does_anything(tmp_path: Path, method: str) -> None:
    async with guarded(tmp_path, ApiSettings()) as api:
        admin, calls = api.token("admin"), watched(api.services)
        for route in ROUTES:
            answer = await api.ask(route.path.format_map(IN_PATH), "Content-Length: 0", token=admin, method=method)
            assert answer.status in (400, 404, 405)
        assert calls == []


def test_what_destroys_needs_an_admin_and_what_changes_a_writer() -> None:
    """The scopes that were asked for, so that a slip in the table is noticed."""
    for route in ROUTES:
        if route.path.startswith("/database") and (route.method == "DELETE" or route.path.endswith("/vacuum")):
            assert route.scope == "admin"
        elif route.method != "GET" and route.path.startswith(WRITTEN):
            assert route.scope == "write"
        else:
            assert route.scope in ("read", "public")
            assert route.method == "GET" or route.path.startswith(("/database/", "/api/v1/"))


async def test_an_open_daemon_destroys_nothing(tmp_path: Path) -> None:
    async with guarded(tmp_path, ApiSettings()) as api:
        calls = watched(api.services)
        for route in (each for each in ROUTES if each.scope == "admin"):
            answer = await api.ask(route.path, "Content-Length: 0", method=route.method)
            assert (answer.status, "--scope admin" in answer.detail, calls) == (403, True, [])
