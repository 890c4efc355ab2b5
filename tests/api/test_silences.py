"""Silences, acknowledgements and what fires, over REST."""

from typing import Any

import pytest
from msgspec.structs import replace

from quantd.config.matchers import as_matchers
from quantd.flow.alerts.silence import Silence
from quantd.services.silences import MOST_SILENCES
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.testing.services import FakeServices
from quantd.timeframes import HOUR
from quantd.times import iso

from .conftest import Ask

PAIR = "BTCUSDT-ETHUSDT"
ALERT = replace(fakes.alert(), id=f"{PAIR}/stretched@{START}", alert_id=f"{PAIR}/stretched", rule="stretched", severity="page")
ACK = "/alerts/BTCUSDT-ETHUSDT%2Fstretched%40" + str(START) + "/ack"


async def test_what_fires_is_listed_until_it_ends(ask: Ask, services: FakeServices) -> None:
    services.silences.take(ALERT)
    status, [row] = await ask("/api/v1/firings")
    assert status == 200
    shown = {"id": ALERT.id, "alert_id": ALERT.alert_id, "pair": PAIR, "severity": "page", "told": True, "muted": None, "ack": None}
    assert row == row | shown
    services.silences.take(replace(ALERT, state="resolved"))
    assert await ask("/api/v1/firings") == (200, [])


async def test_a_silence_shows_what_it_mutes_before_it_is_made(ask: Ask, services: FakeServices) -> None:
    services.silences.take(ALERT)
    body = {"match": "severity=page", "for": "2h", "comment": "upgrade", "by": "ann"}
    status, dry = await ask("/api/v1/silences", "POST", json=body | {"dry": True})
    assert (status, dry["id"], [row["id"] for row in dry["mutes"]]) == (200, None, [ALERT.id])
    assert await ask("/api/v1/silences") == (200, [])
    status, made = await ask("/api/v1/silences", "POST", json=body)
    told = {"match": 'severity="page"', "since": iso(START), "until": iso(START + 2 * HOUR), "comment": "upgrade", "by": "ann"}
    assert made == made | told
    assert made["mutes"][0]["muted"] == f"silence {made['id']}"
    assert await ask("/api/v1/silences") == (200, [made])
    assert (await ask(f"/api/v1/silences/{made['id']}", "DELETE"))[0] == 200
    assert await ask(f"/api/v1/silences/{made['id']}", "DELETE") == (404, {"detail": f"Silence {made['id']} not found"})
    assert (await ask("/api/v1/firings"))[1][0]["muted"] is None


async def test_a_silence_until_resolved_waits_for_what_fires(ask: Ask, services: FakeServices) -> None:
    body = {"match": "severity=page", "until_resolved": True}
    why = "Nothing fires that matches: give `for` or `until` instead of `until_resolved`"
    assert await ask("/api/v1/silences", "POST", json=body) == (400, {"detail": why})
    services.silences.take(ALERT)
    _, made = await ask("/api/v1/silences", "POST", json=body)
    assert (made["until"], made["until_resolved"]) == (None, True)
    services.silences.take(replace(ALERT, state="resolved"))
    assert await ask("/api/v1/silences") == (200, [])


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"match": "severity", "for": "1h"}, "Invalid match. at column 1: expected a matcher like `severity=page`, found 'severity'"),
        (
            {"match": "severity: page", "for": "1h"},
            "Invalid match. at column 1: expected a matcher like `severity=page`, found 'severity: page' (did you mean 'severity=page'?)",
        ),
        ({"match": "a=b"}, "A silence ends: give `for`, `until` or `until_resolved`"),
        ({"match": "a=b", "until": ""}, "A silence ends: give `for`, `until` or `until_resolved`"),
        ({"match": "a=b", "for": "1h", "until": "2027-01-01"}, "Invalid until. Give either `until` or `for`"),
        ({"match": "a=b", "until": "2025-01-01"}, "Invalid until. It is over already"),
        ({"match": "a=b", "for": "0s"}, "Invalid until. It is over already"),
    ],
)
async def test_what_is_no_silence(ask: Ask, body: dict[str, Any], detail: str) -> None:
    assert await ask("/api/v1/silences", "POST", json=body) == (400, {"detail": detail})


@pytest.mark.parametrize("body", [{"match": "a=b", "for": "long"}, {"match": "a=b", "until": "soon"}, {"match": 'a=~"("', "for": "1h"}])
async def test_what_cannot_be_read(ask: Ask, body: dict[str, Any]) -> None:
    status, answer = await ask("/api/v1/silences", "POST", json=body)
    assert (status, answer["detail"].split(" ")[0]) == (400, "Invalid")


async def test_a_firing_is_acknowledged_by_its_id_or_that_of_its_rule(ask: Ask, services: FakeServices) -> None:
    services.silences.take(ALERT)
    status, row = await ask(ACK, "POST", json={"for": "30m", "by": "ann", "comment": "looking"})
    ack = {"until": iso(START + HOUR // 2), "by": "ann", "comment": "looking"}
    assert (status, row["ack"]) == (200, ack)
    assert (await ask("/api/v1/firings"))[1][0]["ack"] == ack
    assert (await ask("/alerts/BTCUSDT-ETHUSDT%2Fstretched/ack", "DELETE"))[1]["ack"] is None
    assert (await ask(ACK, "POST", json={"for": "0s"}))[0] == 400


async def test_nothing_else_is_acknowledged(ask: Ask) -> None:
    assert await ask(ACK, "POST", json={}) == (404, {"detail": f"Nothing fires as {ALERT.id}"})
    assert (await ask(ACK, "DELETE"))[0] == 404


async def test_there_are_so_many_silences_at_most(ask: Ask, services: FakeServices) -> None:
    for number in range(MOST_SILENCES):
        services.silences.keep(Silence(str(number), as_matchers("rule=x"), START))
    body = {"match": "severity=page", "for": "1h"}
    why = "Too many silences: there are 200 already, end one first"
    assert await ask("/api/v1/silences", "POST", json=body) == (429, {"detail": why})
    await ask("/api/v1/silences/7", "DELETE")
    assert (await ask("/api/v1/silences", "POST", json=body))[0] == 200


@pytest.mark.parametrize(
    ("path", "body", "key", "meant"),
    [
        ("/api/v1/silences", {"match": "severity=page", "for": "2h", "dri": True}, "dri", "dry"),
        (ACK, {"fro": "5m"}, "fro", "for"),
    ],
)
async def test_a_key_that_is_not_known_is_refused(
    ask: Ask, services: FakeServices, path: str, body: dict[str, Any], key: str, meant: str
) -> None:
    services.silences.take(ALERT)
    status, told = await ask(path, "POST", json=body)
    assert (status, told["detail"][0]["loc"]) == (422, ["body", key])
    assert told["detail"][0]["msg"].endswith(f"(did you mean {meant!r}?)")
    assert await ask("/api/v1/silences") == (200, [])
    assert (await ask("/api/v1/firings"))[1][0]["ack"] is None
