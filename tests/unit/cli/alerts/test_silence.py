"""Silences and acknowledgements on the command line."""

import json
import sys
from io import StringIO

import pytest
from msgspec.structs import replace

from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.testing.services import FakeServices
from quantd.timeframes import HOUR
from quantd.times import iso
from tests.unit.cli.conftest import Run

RULE = "BTCUSDT-ETHUSDT/stretched"
ALERT = replace(fakes.alert(), id=f"{RULE}@{START}", alert_id=RULE, rule="stretched", severity="page")


def test_a_silence_shows_what_it_mutes_and_is_listed_until_it_ends(quantd: Run, url: str, services: FakeServices) -> None:
    services.silences.take(ALERT)
    made = quantd("alerts", "silence", "severity=page", "--for", "2h", "--by", "ann", "--comment", "upgrade", "--yes", QUANTD_URL=url)
    assert (made.returncode, 'severity="page" mutes 1 that fire now' in made.stderr, RULE in made.stdout) == (0, True, True)
    silence_id = made.stdout.split()[-1]
    listed = quantd("alerts", "silences", "--url", url).stdout
    assert listed == f'{silence_id}  severity="page"  until {iso(START + 2 * HOUR)}  mutes 1  upgrade by ann\n'
    assert f"muted: silence {silence_id}" in quantd("alerts", "firing", "--url", url).stdout
    assert quantd("alerts", "unsilence", silence_id, "--url", url).returncode == 0
    assert quantd("alerts", "silences", "--url", url).stdout == "nothing is silenced\n"
    gone = quantd("alerts", "unsilence", silence_id, "--url", url)
    assert (gone.returncode, gone.stderr.endswith(f"404 Silence {silence_id} not found\n")) == (2, True)


def test_nothing_is_muted_without_a_yes(quantd: Run, url: str, services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO("n\n"))
    assert quantd("alerts", "silence", "severity=page", "--for", "2h", "--url", url).returncode == 1
    assert services.silences.all() == []


def test_what_is_no_silence(quantd: Run, url: str) -> None:
    wrong = quantd("alerts", "silence", "severity: page", "--for", "2h", "--url", url)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("quantd: MATCHERS: at column 1: expected a matcher")
    endless = quantd("alerts", "silence", "severity=page", "--yes", "--url", url)
    assert endless.stderr.endswith("400 A silence ends: give `for`, `until` or `until_resolved`\n")
    assert quantd("alerts", "silences", "--url", "http://127.0.0.1:9").returncode == 69


def test_a_firing_is_acknowledged(quantd: Run, url: str, services: FakeServices) -> None:
    assert quantd("alerts", "firing", "--url", url).stdout == "nothing fires\n"
    services.silences.take(ALERT)
    told = quantd("alerts", "ack", RULE, "--for", "30m", "--by", "ann", "--url", url).stdout
    assert told == f"{RULE} is acknowledged until {iso(START + HOUR // 2)}\n"
    assert f"acknowledged by ann until {iso(START + HOUR // 2)}" in quantd("alerts", "firing", "--url", url).stdout
    assert quantd("alerts", "unack", ALERT.id, "--url", url).returncode == 0
    (row,) = map(json.loads, quantd("alerts", "firing", "--json", "--url", url).stdout.splitlines())
    assert (row["id"], row["ack"]) == (ALERT.id, None)
    assert quantd("alerts", "ack", "no", "--url", url).returncode == 2
