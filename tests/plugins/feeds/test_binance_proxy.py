"""The whole feed behind a proxy: streams, requests and the files of past days."""

import pytest

import quantd
from tests.plugins.feeds.binance_exchange import NOW, running, streaming, trade
from tests.unit.net.proxy_servers import Kind, proxying

VENUE = "venue.test"


@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_nothing_goes_past_it(kind: Kind, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    async with proxying(kind) as proxy, running() as exchange:
        monkeypatch.setenv("ALL_PROXY", proxy.url("me:secret"))
        proxy.login = "me:secret"
        url = exchange.url.replace("127.0.0.1", VENUE)
        feed = exchange.feed(ws=url.replace("http", "ws", 1), rest=url, files=url)
        async with streaming(feed, "BTCUSDT") as events:
            peer = await exchange.peer()
            await peer.confirm()
            await peer.send(trade(1))
            assert await events.ids(1) == [1]
            assert exchange.asked, "the time at least"
            with pytest.raises(quantd.QuantdError, match="HTTP 400"):
                await anext(aiter(feed.fetch_day("BTCUSDT", NOW - NOW % 86_400_000, 1, 2)))
        assert {host for host, _ in proxy.asked} == {VENUE}
    assert "secret" not in caplog.text
