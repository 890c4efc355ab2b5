"""What a webhook receives, and what its answers mean."""

import hashlib
import hmac
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from msgspec.structs import replace

import quantd
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd_plugins.sinks.webhook import Webhook
from tests.plugins.sinks.receiver import Received, receiver

SECRET = "hush-hush"
PATH = "/services/T0K3N8"
KEYS = ["key", "id", "rule", "pair", "state", "severity", "labels", "metric", "value", "threshold", "since", "ts", "late", "text"]


async def received(alert: quantd.Alert, **settings: Any) -> Received:
    async with receiver() as server:
        await send(alert, **{"url": server.url + PATH} | settings)
    (request,) = server.requests
    return request


async def send(alert: quantd.Alert, **settings: Any) -> None:
    sink = Webhook(**{"private": True} | settings)
    await sink.start()
    try:
        await sink.send(alert)
    finally:
        await sink.stop()


async def test_the_body_has_these_keys() -> None:
    alert = replace(fakes.alert(ts=START + 7), since=START, severity="page", labels={"desk": "fx"}, late=True)
    request = await received(alert)
    assert list(request.json) == KEYS
    assert request.json == {
        "key": "1/firing",
        "id": "1",
        "rule": "abs(zscore) > 2",
        "pair": "BTCUSDT-ETHUSDT",
        "state": "firing",
        "severity": "page",
        "labels": {"desk": "fx"},
        "metric": "zscore",
        "value": 2.5,
        "threshold": 2.0,
        "since": "2026-01-01T00:00:00.000Z",
        "ts": "2026-01-01T00:00:00.007Z",
        "late": True,
        "text": "BTCUSDT-ETHUSDT: zscore 2.5 above 2",
    }


async def test_the_headers_name_the_key_and_the_type_of_the_body() -> None:
    request = await received(fakes.alert())
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Idempotency-Key"] == request.json["key"]
    assert "X-Quantd-Signature" not in request.headers


async def test_a_key_that_no_header_can_hold_is_the_same_in_both_places() -> None:
    request = await received(replace(fakes.alert(), id="币安USDT/weit 100%\n@1"))
    assert request.headers["Idempotency-Key"] == request.json["key"]
    assert request.json["id"] == "币安USDT/weit 100%\n@1"


async def test_the_body_is_signed() -> None:
    request = await received(fakes.alert(), secret=SECRET)
    assert request.headers["X-Quantd-Signature"] == f"sha256={hmac.new(SECRET.encode(), request.body, hashlib.sha256).hexdigest()}"


async def test_secrets_may_stand_in_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    (tmp_path / "auth").write_text("Bearer abc\n")
    request = await received(
        fakes.alert(), secret={"file": str(tmp_path / "secret")}, headers={"Authorization": {"file": str(tmp_path / "auth")}}
    )
    assert request.headers["X-Quantd-Signature"] == f"sha256={hmac.new(SECRET.encode(), request.body, hashlib.sha256).hexdigest()}"
    assert request.headers["Authorization"] == "Bearer abc"


async def test_a_template_replaces_the_body() -> None:
    alert = replace(fakes.alert(), text='he said "now"\n', labels={"desk": "fx"})
    request = await received(alert, template='{"text": "{text} of {labels.desk}{labels.none}: {value}", "late": {late}}')
    assert request.json == {"text": 'he said "now"\n of fx: 2.5', "late": False}


async def test_a_template_may_be_no_json() -> None:
    request = await received(fakes.alert(), template="{pair} {state}", headers={"content-type": "text/plain"})
    assert (request.body, request.headers["Content-Type"]) == (b"BTCUSDT-ETHUSDT firing", "text/plain")


@pytest.mark.parametrize(
    ("answer", "raised", "after"),
    [
        (web.Response(status=429, headers={"Retry-After": "7"}), quantd.Retry, 7),
        (web.Response(status=503, headers={"Retry-After": "99999"}), quantd.Retry, 3600),
        (web.Response(status=429), quantd.QuantdError, None),
        (web.Response(status=503, headers={"Retry-After": "soon"}), quantd.QuantdError, None),
        (web.Response(status=500, headers={"Retry-After": "7"}), quantd.QuantdError, None),
        (web.Response(status=408), quantd.QuantdError, None),
        (web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}), quantd.QuantdError, None),
        (web.Response(status=400), quantd.Refused, None),
        (web.Response(status=404), quantd.Refused, None),
        (web.Response(status=410), quantd.Refused, None),
        (ConnectionResetError(), quantd.QuantdError, None),
    ],
)
async def test_what_an_answer_means(answer: web.Response | Exception, raised: type[quantd.QuantdError], after: float | None) -> None:
    async with receiver(answer) as server:
        with pytest.raises(quantd.QuantdError) as error:
            await send(fakes.alert(), url=server.url + PATH)
    assert type(error.value) is raised
    assert getattr(error.value, "after", None) == after
    assert len(server.requests) == 1


async def test_a_server_that_does_not_answer_is_left() -> None:
    import asyncio

    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(quantd.QuantdError, match=f"^127.0.0.1:{port} did not answer within 0.05 s$"):
            await send(fakes.alert(), url=f"http://127.0.0.1:{port}/", timeout="50ms")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_an_address_inside_is_not_asked_unless_the_config_allows_it(host: str) -> None:
    async with receiver() as server:
        with pytest.raises(quantd.QuantdError, match="not an address of the public internet: set `private: true`"):
            await send(fakes.alert(), url=server.url.replace("127.0.0.1", host), private=False)
    assert server.requests == []


async def test_no_error_tells_a_secret() -> None:
    told = web.Response(status=403, text=f"bad token {PATH} {SECRET} Bearer abc\x1b[31m")
    async with receiver(told) as server:
        with pytest.raises(quantd.Refused) as refused:
            await send(fakes.alert(), url=server.url + PATH, secret=SECRET, headers={"Authorization": "Bearer abc"})
    text = str(refused.value)
    assert "answered 403 Forbidden: bad token" in text
    assert not any(secret in text for secret in ("T0K3N8", SECRET, "Bearer abc", "\x1b"))


async def test_no_error_of_a_connection_tells_the_address() -> None:
    with pytest.raises(quantd.QuantdError) as error:
        await send(fakes.alert(), url=f"http://127.0.0.1:1{PATH}")
    assert str(error.value) == "127.0.0.1:1: Connection refused"
    assert error.value.__suppress_context__


def test_its_representation_tells_no_secret() -> None:
    assert repr(Webhook(url=f"https://example.org{PATH}", secret=SECRET)) == "Webhook(…)"


@pytest.mark.parametrize(
    ("settings", "mistake"),
    [
        ({"url": "ftp://example.org/T0K3N8"}, "url: expected an address that begins with http:// or https://"),
        ({"url": "https:///T0K3N8"}, "url: expected an address"),
        ({"template": '{"text": "{pear}"}'}, r"template: there is no \{pear\}"),
        ({"template": '{"text": "{labels}"}'}, r"template: there is no \{labels\}"),
        ({"template": '{"text": {text}'}, "template: the template does not make JSON"),
        ({"headers": {"Host": "x"}}, "headers: 'Host' cannot be set"),
        ({"headers": {"a b": "x"}}, "headers: 'a b' is no name of a header"),
        ({"secret": ""}, "secret: it is empty"),
        ({"timeout": "0s"}, "timeout: it must be more than 0"),
    ],
)
def test_mistakes(settings: dict[str, Any], mistake: str) -> None:
    with pytest.raises(ValueError, match=mistake) as error:
        Webhook(**{"url": "https://example.org"} | settings)
    assert "T0K3N8" not in str(error.value)


@pytest.mark.parametrize("said", ["no such token: T0K3N-9999", "not user:T0K3N-9999", "dXNlcjpUMEszTi05OTk5"])
async def test_no_error_tells_a_part_of_a_header(said: str) -> None:
    async with receiver(web.Response(status=401, text=said)) as server:
        with pytest.raises(quantd.Refused) as failed:
            await send(fakes.alert(), url=server.url, headers={"Authorization": "Bearer T0K3N-9999", "X-B": "Basic dXNlcjpUMEszTi05OTk5"})
    assert "T0K3N" not in str(failed.value)
    assert "dXNl" not in str(failed.value)


async def test_no_error_tells_the_login_of_an_address() -> None:
    async with receiver(web.Response(status=401, text="not dXNlcjpwYXNzd29yZA==")) as server:
        with pytest.raises(quantd.Refused) as failed:
            await send(fakes.alert(), url=server.url.replace("http://", "http://user:password@"))
    assert "dXNl" not in str(failed.value)


async def test_a_template_makes_json_of_any_value() -> None:
    template = '{"value": {value}, "level": {threshold}, "text": "{text} \\" {value}"}'
    for value in ("no data", 2.5, float("nan"), float("inf")):
        request = await received(replace(fakes.alert(), value=value, threshold="broken"), template=template)
        assert request.json["value"] == (value if value in ("no data", 2.5) else None)
        assert request.json["level"] == "broken"
