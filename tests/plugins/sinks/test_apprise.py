"""What Apprise delivers, to a local server."""

import logging
from typing import Any

import pytest
from aiohttp import web
from msgspec.structs import replace

import quantd
from quantd.testing import fakes
from quantd_plugins.sinks.apprise import AppriseSink
from tests.plugins.sinks.receiver import Receiver, receiver


def service(server: Receiver) -> str:
    return server.url.replace("http://", "json://") + "/T0K3N8"


async def send(alert: quantd.Alert, *urls: str, **settings: Any) -> None:
    sink = AppriseSink(urls=urls, **settings)
    await sink.start()
    await sink.send(alert)
    await sink.stop()


async def test_an_alert_has_a_title_a_text_and_a_kind() -> None:
    async with receiver(web.Response()) as server:
        await send(fakes.alert(), service(server))
        await send(replace(fakes.alert(), state="resolved", reason="no data for 5m"), service(server), title="{state}")
    fired, over = (request.json for request in server.requests)
    assert (fired["title"], fired["message"], fired["type"]) == (
        "firing: BTCUSDT-ETHUSDT abs(zscore) > 2",
        "BTCUSDT-ETHUSDT: zscore 2.5 above 2",
        "warning",
    )
    assert (over["title"], over["type"]) == ("resolved", "success")
    assert over["message"].endswith(": no data for 5m")


async def test_a_drawing_is_attached() -> None:
    async with receiver(web.Response()) as server:
        await send(replace(fakes.alert(), figure="<svg/>"), service(server), figure=True)
    assert [each["filename"] for each in server.requests[0].json["attachments"]] == ["firing.svg"]


async def test_who_has_the_alert_does_not_get_it_again() -> None:
    async with receiver(web.Response()) as well, receiver(web.Response(status=500), web.Response()) as failing:
        sink = AppriseSink(urls=(service(well), service(failing)))
        with pytest.raises(quantd.QuantdError, match=r"^not delivered by json \(address 2\)$"):
            await sink.send(fakes.alert())
        await sink.send(fakes.alert())
        assert (len(well.requests), len(failing.requests)) == (1, 2)
        await sink.send(fakes.alert())  # from then on it is a new one
        assert (len(well.requests), len(failing.requests)) == (2, 3)


async def test_no_address_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        with pytest.raises(quantd.QuantdError) as unknown:
            await send(fakes.alert(), "nothing://T0K3N8")
        with pytest.raises(quantd.QuantdError) as silent:
            await send(fakes.alert(), "json://127.0.0.1:1/T0K3N8")
    assert "T0K3N8" not in f"{unknown.value}{silent.value}{caplog.text}"


def test_mistakes() -> None:
    with pytest.raises(ValueError, match=r"title: there is no \{nothing\}"):
        AppriseSink(urls=("json://localhost",), title="{nothing}")
