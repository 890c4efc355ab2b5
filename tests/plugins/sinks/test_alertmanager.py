"""What Alertmanager is told: against a server that is as strict as its API, and against Alertmanager itself (`-m services`)."""

import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.request import urlopen

import aiohttp
import pytest
from aiohttp import web
from msgspec.structs import replace

import quantd
from quantd.clock import EventClock, SystemClock
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.times import iso, parse_time
from quantd_plugins.sinks.alertmanager import Alertmanager
from tests.plugins.sinks.receiver import Receiver, receiver
from tests.waiting import until

MINUTE = 60_000


@asynccontextmanager
async def sending(url: str, **settings: Any) -> AsyncIterator[Alertmanager]:
    sink = Alertmanager(url=url, **settings)
    await sink.start()
    try:
        yield sink
    finally:
        await sink.stop()


def posted(server: Receiver, at: int = -1) -> list[dict[str, Any]]:
    """What a request posted, which must be what Alertmanager accepts."""
    request = server.requests[at]
    assert request.path == "/api/v2/alerts"
    rows: list[dict[str, Any]] = request.json
    for row in rows:
        assert row["labels"]["alertname"]
        assert all(re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name) and text for name, text in row["labels"].items())
        assert parse_time(row["startsAt"]) < parse_time(row["endsAt"])
    return rows


async def test_a_firing_has_these_labels_and_ends_by_itself() -> None:
    alert = replace(fakes.alert(), labels={"team-1": "fx", "none": ""}, severity="page")
    async with receiver() as server, sending(server.url + "/", generator="http://q.example") as sink:
        sink._clock = EventClock(START + MINUTE)
        await sink.send(alert)
        (row,) = posted(server)
    assert row["labels"] == {
        "alertname": "abs(zscore) > 2",
        "rule": "stretched",
        "pair": "BTCUSDT-ETHUSDT",
        "metric": "zscore",
        "severity": "page",
        "team_1": "fx",
    }
    assert row["annotations"]["summary"] == "BTCUSDT-ETHUSDT: zscore 2.5 above 2"
    assert (row["startsAt"], row["endsAt"]) == (iso(START), iso(START + 6 * MINUTE))
    assert row["generatorURL"] == "http://q.example"


async def test_what_is_firing_is_posted_again_until_it_is_over() -> None:
    fired, other = fakes.alert(), replace(fakes.alert(2), alert_id="another")
    async with receiver() as server, sending(server.url) as sink:
        sink._clock = clock = EventClock(START + MINUTE)
        await sink.send_many([fired, other])
        clock.advance_to(START + 2 * MINUTE)
        await sink.post_firing()
        assert [row["endsAt"] for row in posted(server)] == [iso(START + 7 * MINUTE)] * 2
        await sink.send(replace(fired, state="resolved", ts=START + 90_000))
        (over,) = posted(server)
        assert (over["startsAt"], over["endsAt"]) == (iso(START), iso(START + 90_000))
        await sink.post_firing()
        assert len(posted(server)) == 1
        await sink.send(replace(other, state="withdrawn"))
        await sink.post_firing()
        assert len(server.requests) == 5


async def test_it_is_posted_again_by_itself() -> None:
    async with receiver(web.Response(), web.Response(status=500), web.Response()) as server, sending(server.url, every="1s") as sink:
        sink._every_ms = 1
        await sink.stop()
        await sink.start()
        await sink.send(fakes.alert())
        await until(lambda: len(server.requests) > 3)  # a failure ends nothing


@pytest.mark.parametrize("state", ["heartbeat", "notice"])
async def test_what_is_no_firing_is_posted_once(state: Literal["heartbeat", "notice"]) -> None:
    async with receiver() as server, sending(server.url) as sink:
        await sink.send(replace(fakes.alert(), state=state))
        await sink.post_firing()
    assert len(server.requests) == 1


async def test_firings_from_before_a_restart_are_posted_again() -> None:
    async with receiver() as server, sending(server.url) as sink:
        sink.resume([fakes.alert(7)])
        await sink.post_firing()
        assert [row["annotations"]["firing"] for row in posted(server)] == ["7"]


async def test_times_of_the_venue_that_are_ahead_do_not_keep_an_alert_firing() -> None:
    async with receiver() as server, sending(server.url) as sink:
        sink._clock = EventClock(START)
        await sink.send(replace(fakes.alert(), state="resolved", since=START + 50, ts=START + 500))
        (row,) = posted(server)
    assert (row["startsAt"], row["endsAt"]) == (iso(START), iso(START + 1))


async def test_what_is_not_taken_is_not_posted_again_by_itself() -> None:
    async with receiver(web.Response(status=400)) as server, sending(server.url) as sink:
        with pytest.raises(quantd.Refused):
            await sink.send(fakes.alert())
        await sink.post_firing()
    assert len(server.requests) == 1


@pytest.fixture
def address(tmp_path: Path, unused_tcp_port: int) -> Iterator[str]:
    """The address of an Alertmanager."""
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if program is None:
        pytest.skip("there is no Alertmanager: apt-get install prometheus-alertmanager")
    (tmp_path / "am.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    listen = f"127.0.0.1:{unused_tcp_port}"
    options = [f"--config.file={tmp_path}/am.yml", f"--storage.path={tmp_path}/data", f"--web.listen-address={listen}"]
    process = subprocess.Popen([program, *options, "--cluster.listen-address="], stderr=subprocess.DEVNULL)
    yield f"http://{listen}"
    process.terminate()
    process.wait()


async def states(address: str) -> dict[str, str]:
    """The summaries of active alerts, by rule."""
    async with aiohttp.ClientSession() as http, http.get(f"{address}/api/v2/alerts?active=true") as answer:
        return {row["labels"]["rule"]: row["annotations"]["summary"] for row in await answer.json()}


def is_up(address: str) -> bool:
    try:
        with urlopen(f"{address}/-/ready") as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.services
async def test_alertmanager_itself(address: str) -> None:
    await until(lambda: is_up(address))
    now = SystemClock().now()
    fired = replace(fakes.alert(ts=now), labels={"team-1": "fx"})
    async with sending(address) as sink:
        await sink.send_many([fired, replace(fakes.alert(2, ts=now), alert_id="other", text="other")])
        assert await states(address) == {"stretched": "BTCUSDT-ETHUSDT: zscore 2.5 above 2", "other": "other"}
        await sink.post_firing()
        await sink.send(replace(fired, state="resolved", ts=now + 1))
        await sink.post_firing()
        assert await states(address) == {"other": "other"}
        await sink.send(replace(fakes.alert(3, ts=now), state="heartbeat", alert_id="heartbeat", pair=""))
        assert set(await states(address)) == {"other", "heartbeat"}


async def test_what_flapped_is_over_with_the_rule() -> None:
    flapping = replace(fakes.alert(1), state="flapping")
    async with receiver() as server, sending(server.url) as sink:
        await sink.send(flapping)
        await sink.send(replace(fakes.alert(30), state="resolved"))
        count = len(server.requests)
        await sink.post_firing()
    assert len(server.requests) == count


async def test_the_end_has_the_labels_of_the_firing() -> None:
    async with receiver() as server, sending(server.url) as sink:
        await sink.send(fakes.alert())
        await sink.send(replace(fakes.alert(), state="resolved", metric="corr", severity="info"))
        first, last = posted(server, 0), posted(server)
    assert [row["labels"] for row in last] == [row["labels"] for row in first]


async def test_a_firing_that_is_sent_again_after_its_end_is_not_posted_for_ever() -> None:
    async with receiver() as server, sending(server.url) as sink:
        await sink.send(replace(fakes.alert(), state="resolved", ts=START + MINUTE))
        await sink.send(fakes.alert())
        count = len(server.requests)
        await sink.post_firing()
        assert len(server.requests) == count
        await sink.send(fakes.alert(2, ts=START + 2 * MINUTE))
        await sink.post_firing()
    assert len(server.requests) == count + 2
