"""Firings that are told, acknowledged, silenced and inhibited stay so whatever ends the daemon, and each is told once."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import yaml

from tests.waiting import until

from .conftest import Running, Start

SINK = '''
"""A sink of a test."""

import quantd


class Lines(quantd.AlertSink):
    """Appends a line an alert."""

    path: str

    async def send(self, alert):
        with open(self.path, "a") as file:
            file.write(f"{alert.rule} {alert.state} {alert.since}\\n")


@quantd.hookimpl
def register_sinks(register):
    register("lines", Lines)
'''
RULES = ("told", "acknowledged", "silenced", "source", "inhibited")


def ask(daemon: Running, method: str, path: str, body: Any = None) -> Any:
    sent = Request(daemon.http + path, json.dumps(body).encode() if body else None, {"Content-Type": "application/json"}, method=method)
    with urlopen(sent, timeout=10) as answer:
        return json.load(answer)


def states(daemon: Running) -> dict[str, tuple[str, bool, bool, bool]]:
    """Since when each rule fires, and whether it is told, muted and acknowledged."""
    rows = ask(daemon, "GET", "/api/v1/firings")
    return {row["rule"]: (row["since"], row["told"], bool(row["muted"]), bool(row["ack"])) for row in rows if row["rule"] in RULES}


def ready(folder: Path) -> Callable[[], list[str]]:
    """Configure five rules that fire at the first bar, one of which mutes another, and return what has been told."""
    config = yaml.safe_load((folder / "quantd.yaml").read_text())
    rules = [{"name": name, "of": "BTCUSDT", "when": "price > 1", "every": "1s", "send": ["lines"]} for name in RULES]
    inhibit = [{"when": "rule=source", "mute": "rule=inhibited"}]
    sinks = {"lines": {"path": str(folder / "lines")}, "log": {}}
    (folder / "quantd.yaml").write_text(yaml.safe_dump(config | {"alerts": rules, "routing": {"inhibit": inhibit}, "sinks": sinks}))
    (folder / "plugins").mkdir()
    (folder / "plugins/lines.py").write_text(SINK)
    (folder / "lines").touch()
    return lambda: [line.rpartition(" ")[0] for line in (folder / "lines").read_text().splitlines()]


async def test_what_is_muted_and_acknowledged_stays_so(folder: Path, start: Start) -> None:
    told = ready(folder)
    daemon = start(folder)
    await until(lambda: len(states(daemon)) == len(RULES) and len(told()) == len(RULES) - 1)
    silence = ask(daemon, "POST", "/api/v1/silences", {"match": "rule=silenced", "for": "1h"})
    firing = next(row["id"] for row in ask(daemon, "GET", "/api/v1/firings") if row["rule"] == "acknowledged")
    ask(daemon, "POST", f"/alerts/{quote(firing, safe='')}/ack", {"for": "1h"})
    before = states(daemon)
    assert {name: state[1:] for name, state in before.items()} == {
        "told": (True, False, False),
        "acknowledged": (True, False, True),
        "silenced": (True, True, False),
        "source": (True, False, False),
        "inhibited": (False, True, False),
    }
    for number in (signal.SIGKILL, signal.SIGTERM):
        daemon.stop(number)
        daemon = start(folder)
        assert states(daemon) == before
    assert ask(daemon, "GET", "/api/v1/silences")[0]["id"] == silence["id"]
    assert sorted(told()) == [f"{name} firing" for name in sorted(RULES) if name != "inhibited"]
