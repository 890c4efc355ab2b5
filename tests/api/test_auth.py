"""Who is admitted: openly, by a token, and to what."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quantd.config.access import AuthSettings, JwtSettings
from quantd.config.model import ApiSettings

from .serving import request, told
from .tokens import DAY, Guarded, guarded

ELSEWHERE = ApiSettings(listen="0.0.0.0:8000")
PROXIED = ApiSettings(trusted_proxies=("127.0.0.1",))
NOBODY = ApiSettings(listen="0.0.0.0:8000", auth=AuthSettings(mode="none"))
LOCAL_OPEN = ApiSettings(listen="0.0.0.0:8000", trusted_proxies=("10.0.0.0/8",), auth=AuthSettings(loopback="open"))
FORWARDED = ["Forwarded: for=1.2.3.4", "X-Forwarded-For: 1.2.3.4", "x-forwarded-proto: https", "X-Forwarded-Host: a"]
EMPTY = "Content-Length: 0"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with guarded(tmp_path, ApiSettings()) as running:
        yield running


async def status(api: Guarded, path: str = "/symbols", *headers: str, token: str | None = None, method: str = "GET") -> int:
    return (await api.ask(path, *headers, *([EMPTY] if method == "POST" else []), token=token, method=method)).status


async def test_without_tokens_this_host_reads_and_writes(api: Guarded) -> None:
    assert await status(api) == 200
    assert await status(api, "/data/clear", method="POST") == 200
    assert await status(api, token="anything") == 200, "where there are no tokens, nobody can have a wrong one"


@pytest.mark.parametrize("header", FORWARDED)
async def test_what_comes_through_a_proxy_is_not_from_this_host(api: Guarded, header: str) -> None:
    answer = await api.ask("/symbols", header)
    assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Bearer realm="quantd"')
    assert "quantd token create" in answer.detail
    assert await status(api, "/live", header) == 200


@pytest.mark.parametrize("settings", [ELSEWHERE, PROXIED])
async def test_an_api_for_others_asks_everybody(tmp_path: Path, settings: ApiSettings) -> None:
    async with guarded(tmp_path, settings) as api:
        assert [await status(api), await status(api, "/live")] == [401, 200]
        assert await status(api, "/", "Accept: text/html") == 200


async def test_the_first_token_closes_the_api_and_its_end_does_not_open_it(api: Guarded) -> None:
    assert await status(api) == 200
    token = api.token("write", "ops", days=1)
    assert [await status(api), await status(api, token=token)] == [401, 200]
    api.revoke("ops")
    assert [await status(api), await status(api, token=token)] == [401, 401]
    other = api.token("write", "other", days=1)
    api.clock.go_on(DAY / 1000)
    assert [await status(api), await status(api, token=other)] == [401, 401]


async def test_a_broken_file_closes_the_api(api: Guarded) -> None:
    token = api.token("admin")
    assert await status(api, token=token) == 200
    api.file.path.write_text("{")
    api.clock.go_on(1.0)
    assert [await status(api, token=token), await status(api), await status(api, "/live")] == [401, 401, 200]


async def test_each_scope_includes_those_before_it(api: Guarded) -> None:
    read, write, admin = api.token("read"), api.token("write"), api.token("admin")
    for token, statuses in ((read, [200, 403]), (write, [200, 200]), (admin, [200, 200])):
        assert [await status(api, token=token), await status(api, "/data/clear", token=token, method="POST")] == statuses


async def test_a_refusal_says_what_to_do(api: Guarded) -> None:
    read = api.token("read", "grafana")
    answer = await api.ask("/data/clear", EMPTY, token=read, method="POST")
    assert (answer.status, answer.headers["www-authenticate"]) == (
        403,
        'Bearer realm="quantd", error="insufficient_scope", scope="write"',
    )
    assert "scope write, and 'grafana' has read: `quantd token create NAME --scope write` makes one" in answer.detail
    answer = await api.ask("/symbols", token=read + "x")
    assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Bearer realm="quantd", error="invalid_token"')
    api.revoke("grafana")
    assert "'grafana' is revoked" in (await api.ask("/symbols", token=read)).detail


@pytest.mark.parametrize("settings", [NOBODY, LOCAL_OPEN])
async def test_an_api_may_be_opened_in_so_many_words(tmp_path: Path, settings: ApiSettings) -> None:
    async with guarded(tmp_path, settings) as api:
        token = api.token("read")
        assert [await status(api), await status(api, "/data/clear", method="POST")] == [200, 200]
        assert [await status(api, token=token), await status(api, token=token + "x")] == [200, 401]
        assert await status(api, "/data/clear", token=token, method="POST") == 403, "who sends a token has what it gives"


async def test_an_open_loopback_is_not_open_through_a_proxy(tmp_path: Path) -> None:
    async with guarded(tmp_path, LOCAL_OPEN) as api:
        assert [await status(api, "/symbols", header) for header in FORWARDED] == [401] * 4


@pytest.mark.parametrize(("path", "method"), [("/nowhere", "GET"), ("/symbols", "POST"), ("/nowhere", "DELETE"), ("/", "OPTIONS")])
async def test_what_routes_there_are_is_for_those_who_may_read(api: Guarded, path: str, method: str) -> None:
    before = await status(api, path, method=method)
    assert before in (404, 405)
    read = api.token("read")
    assert [await status(api, path, method=method), await status(api, path, method=method, token=read)] == [401, before]


async def test_a_preflight_needs_no_token_and_no_wrong_host_or_origin_is_asked_for_one(api: Guarded) -> None:
    api.token("read")
    asks = "Origin: http://localhost:8080", "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: authorization"
    answer = await api.ask("/symbols", *asks, method="OPTIONS")
    assert (answer.status, answer.headers["access-control-allow-headers"]) == (200, "authorization")
    assert (await api.ask("/symbols", host="evil.example")).status == 421
    assert await status(api, "/data/clear", "Origin: http://evil.example", method="POST") == 403
    answer = await api.ask("/symbols", "Origin: http://localhost:8080")
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (401, "http://localhost:8080")


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
async def test_the_scheme_is_bearer_in_any_case(api: Guarded, scheme: str) -> None:
    read = api.token("read")
    assert await status(api, "/symbols", f"Authorization: {scheme} {read}") == 200


@pytest.mark.parametrize("text", ["Basic {}", "{}", "Bearer", "Bearer  ", "Token {}", "Bearer {} {}", "Bearer \xff"])
async def test_nothing_else_is_a_token(api: Guarded, text: str) -> None:
    read = api.token("read")
    assert await status(api, "/symbols", f"Authorization: {text.format(read, read)}") == 401


async def test_a_token_ends_for_known_bytes_too(api: Guarded) -> None:
    api.services.analytics.state = 1
    read = api.token("read", "grafana", days=1)
    reader, writer = await asyncio.open_connection("127.0.0.1", api.server.port)

    async def ask() -> bytes:
        writer.write(f"GET /pairs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {read}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        await reader.readexactly(length)
        return head.split()[1]

    assert [await ask() for _ in range(3)] == [b"200"] * 3
    assert api.server.connections.shortcut.answered == 2
    api.token("read", "other")
    assert [await ask() for _ in range(2)] == [b"200"] * 2
    assert api.server.connections.shortcut.answered == 3, "after a change of the tokens it goes the long way once"
    api.clock.go_on(DAY / 1000)
    assert await ask() == b"401"
    writer.close()


@pytest.mark.parametrize("jwt", ["", "i"])
@pytest.mark.parametrize("sent", [b"\xff", b"\xed\xa0\x80", b"quantd_\xff", b"a.b.\xff", b"\xc3\xa9" * 2_000])
async def test_any_bytes_may_be_sent_as_a_token(tmp_path: Path, jwt: str, sent: bytes) -> None:
    settings = JwtSettings(issuer=jwt, secret=jwt and "s" * 32)
    async with guarded(tmp_path, ApiSettings(auth=AuthSettings(jwt=settings))) as api:
        api.token("read")
        answer = await told(api.server.port, request("/symbols", "Authorization: Bearer SENT").replace(b"SENT", sent))
        assert answer.status == 401


async def test_a_token_is_known_as_soon_as_it_is_made(tmp_path: Path) -> None:
    async with guarded(tmp_path, ApiSettings()) as api:
        for name in ("first", "second"):
            text = api.file.create(name, "admin", api.clock.now(), None)
            assert (await api.ask("/database/vacuum", token=text, method="POST")).status == 200
