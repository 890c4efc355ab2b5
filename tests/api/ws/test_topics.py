"""Every topic on a real socket: answers, snapshots, frames."""

import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import BaseTestServer

from quantd.api.schema import topics as frames
from quantd.api.ws.v1.topics import KINDS
from quantd.model import BookBar
from quantd.services.analytics import PairStatus
from quantd.services.events import Topic
from quantd.supervision.troubles import Trouble
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.testing.services import FakeServices

from .talking import Talker, talker

PAIR = "BTCUSDT-ETHUSDT"
BOOK = BookBar("BTCUSDT", "1s", START, 0.1, 0.01, -0.2, 100.0, None, 4, 0, None, None, None, 1.0, "complete")
HEARD: dict[str, tuple[Topic, Sequence[Any]]] = {
    "trade:BTCUSDT": ("ticks", fakes.ticks(2)),
    "bar:BTCUSDT:1m": ("bars", fakes.bars(2)),
    f"pair:{PAIR}:1m": ("points", fakes.points(2)),
    f"now:{PAIR}": ("nowcasts", [*fakes.points(1, every="1s"), *fakes.points(1)]),
    "alert": ("alerts", [fakes.alert(1), msgspec.structs.replace(fakes.alert(1), state="resolved")]),
    "book:BTCUSDT:1s": ("books", [BOOK, msgspec.structs.replace(BOOK, ts=START + 1000)]),
}
FRAME: msgspec.json.Decoder[frames.Frame] = msgspec.json.Decoder(frames.Frame)


@pytest.fixture
async def client(server: BaseTestServer, services: FakeServices) -> AsyncIterator[Talker]:
    services.market.stored_books["BTCUSDT", "1s"] = [BOOK]
    async with talker(server) as found:
        yield found


async def test_the_first_frame_is_a_hello(client: Talker, server: BaseTestServer) -> None:
    limits = {"subscriptions": 1000, "message_bytes": 65536, "history_frames": 10_000, "history_s": 60}
    told = {"type": "hello", "version": 1, "ts": "2026-01-01T00:00:00.000Z", "limits": limits, "caller": None, "scopes": ["read", "write"]}
    assert client.hello == told | {"quantd": client.hello["quantd"], "epoch": client.epoch}
    async with talker(server) as other:
        assert other.epoch == client.epoch


@pytest.mark.parametrize("topic", HEARD)
async def test_what_the_hub_publishes_comes_as_a_numbered_frame(client: Talker, services: FakeServices, topic: str) -> None:
    source, items = HEARD[topic]
    answer = await client.subscribe(topic.lower(), id=7)
    assert answer == {
        "type": "subscribed",
        "topic": topic,
        "id": 7,
        "epoch": client.epoch,
        "seq": 0,
        "recovered": False,
        "missed": None,
    }
    assert (await client.hear())["snapshot"]
    for seq in (1, 2):
        services.events.publish(source, items)
        frame = await client.hear()
        kind = KINDS[topic.partition(":")[0]]
        assert FRAME.decode(msgspec.json.encode(frame)) == kind.frame(topic=topic, seq=seq, rows=[kind.row(item) for item in items])


async def test_what_is_of_another_symbol_pair_or_timeframe_does_not_come(client: Talker, services: FakeServices) -> None:
    for topic in ("trade:BTCUSDT", "bar:BTCUSDT:1m", f"pair:{PAIR}:1m", f"now:{PAIR}"):
        await client.begin(topic)
    services.market.push(fakes.ticks(2, symbol="ETHUSDT"))
    services.events.publish("bars", [*fakes.bars(1, every="1s"), *fakes.bars(1, symbol="ETHUSDT")])
    services.events.publish("points", [*fakes.points(1, every="1s"), *fakes.points(1, pair="SOLUSDT-ETHUSDT")])
    services.events.publish("nowcasts", fakes.points(1, pair="SOLUSDT-ETHUSDT"))
    services.market.push([fakes.tick("BTCUSDT", 1)])
    assert [frame["topic"] for frame in [await client.hear(), *await client.settled()]] == ["trade:BTCUSDT"]


async def test_a_snapshot_has_what_is_known(client: Talker, services: FakeServices) -> None:
    point = fakes.points(9)[-1]
    services.market.push(fakes.ticks(3))
    services.market.stored["BTCUSDT", "1m"] = fakes.bars(3)
    services.analytics.points[PAIR, "1m"] = [point]
    services.analytics.statuses = [PairStatus(PAIR, "1m", START, 60, 60, point, None), PairStatus(PAIR, "5m", None, 0, 60, None, "warming")]
    services.alerts.fire([fakes.alert(4)])
    shown = {topic: (await client.begin(topic))["rows"] for topic in HEARD}
    assert {topic: len(rows) for topic, rows in shown.items()} == dict.fromkeys(HEARD, 1)
    assert shown["trade:BTCUSDT"][0]["id"] == 3
    assert shown["bar:BTCUSDT:1m"][0]["ts"] == "2026-01-01T00:02:00.000Z"
    assert shown[f"pair:{PAIR}:1m"][0]["zscore"] == shown[f"now:{PAIR}"][0]["zscore"] == point.zscore
    assert shown["alert"][0]["state"] == "firing"


async def test_health_comes_when_it_has_changed(client: Talker, services: FakeServices) -> None:
    assert (await client.begin("health"))["rows"][0]["status"] == "healthy"
    services.status.present = [Trouble("feed", "binance", "is silent", START)]
    frame = await client.hear()
    assert (frame["type"], frame["seq"], frame["rows"][0]["status"]) == ("health", 1, "degraded")


async def test_the_log_comes_line_by_line(client: Talker) -> None:
    assert (await client.begin("log"))["rows"] == []
    logging.getLogger("quantd.feed").warning("%s is silent", "A")
    frame = await client.hear()
    assert [(row["level"], row["logger"], row["text"]) for row in frame["rows"]] == [("warning", "quantd.feed", "A is silent")]
