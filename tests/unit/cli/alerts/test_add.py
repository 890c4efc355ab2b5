"""`quantd alerts add`, `list`, `show` and `remove` against the API on a real socket."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from quantd.api.app import make_app
from quantd.config.model import ApiSettings
from quantd.errors import Mistake
from quantd.testing.services import FakeServices, fake_services
from tests.api.serving import ApiServer
from tests.unit.cli.conftest import Run
from tests.waiting import PATIENCE_S

FAR = ("alerts", "add", "abs(zscore) > 2", "--of", "BTCUSDT-ETHUSDT")


@pytest.fixture
def services() -> FakeServices:
    return fake_services()


@pytest.fixture
def url(services: FakeServices) -> Iterator[str]:
    """Where the API serves, in a thread with a loop of its own."""
    loop, served, ports = asyncio.new_event_loop(), threading.Event(), list[int]()

    async def serve() -> None:
        async with ApiServer(make_app(services, ApiSettings())) as server:
            ports.append(server.port)
            served.set()
            await asyncio.Event().wait()

    def run() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)

    task = loop.create_task(serve())
    thread = threading.Thread(target=run)
    thread.start()
    assert served.wait(PATIENCE_S)
    yield f"http://127.0.0.1:{ports[0]}"
    loop.call_soon_threadsafe(task.cancel)
    thread.join(PATIENCE_S)
    loop.close()


def test_the_life_of_a_rule(quantd: Run, services: FakeServices, url: str) -> None:
    made = quantd(*FAR, "--name", "far", "--every", "5m", "--url", url)
    assert (made.returncode, made.stderr) == (0, "")
    rule_id = made.stdout.strip()
    (known,) = services.rules.all()
    assert (known.id, known.of, known.rule.name, known.rule.every) == (rule_id, "BTCUSDT-ETHUSDT", "far", "5m")
    listed = quantd("alerts", "list", "--url", url).stdout.splitlines()
    assert listed[1].split()[:4] == ["far", "BTCUSDT-ETHUSDT", "5m", "inactive"]
    (row,) = json.loads(quantd("alerts", "list", "--json", "--url", url).stdout)
    assert (row["id"], row["when"]) == (rule_id, "abs(zscore) > 2")
    shown = quantd("alerts", "show", "far", "--url", url).stdout.splitlines()
    assert ["when", "abs(zscore)", ">", "2"] in [line.split() for line in shown]
    assert ["phase", "inactive"] in [line.split() for line in shown]
    removed = quantd("alerts", "remove", rule_id[:8], "--url", url)
    assert (removed.returncode, removed.stderr) == (0, "quantd: far on BTCUSDT-ETHUSDT is removed\n")
    assert services.rules.all() == []
    assert quantd("alerts", "list", "--url", url).stderr == "quantd: there are no rules\n"


def test_every_option_is_a_key(quantd: Run, services: FakeServices, url: str) -> None:
    options = {
        "name": "far", "on": "close", "every": "1m", "for": "5m", "until": "abs(zscore) < 1", "keep_firing_for": "1m", "cooldown": "1h",
        "times": "3 of 5", "expires": "8h", "no_data": "fire", "no_data_for": "10m", "severity": "page", "regression": "kalman",
    }  # fmt: skip
    words = [word for key, value in options.items() for word in (f"--{key.replace('_', '-')}", value)]
    words += ["--late", "--label", "desk=crypto", "--label", "book=a", "--coverage", "0.5", "--flapping", "4 in 30s", "--window", "120"]
    words += ["--repeat", "1m", "--repeat", "1h", "--send", "log", "--send", "hook"]
    assert quantd(*FAR, *words, "--url", url).returncode == 0
    assert services.rules.given == options | {
        "of": "BTCUSDT-ETHUSDT", "when": "abs(zscore) > 2", "late": True, "labels": {"desk": "crypto", "book": "a"}, "coverage": 0.5,
        "flapping": {"changes": 4, "in": "30s"}, "window": 120, "repeat": ["1m", "1h"], "send": ["log", "hook"],
    }  # fmt: skip
    assert quantd(*FAR, "--flapping", "off", "--url", url).returncode == 0
    assert services.rules.given == {"of": "BTCUSDT-ETHUSDT", "when": "abs(zscore) > 2", "flapping": "off"}


def test_the_wrong_word_of_a_condition_is_marked_before_anybody_is_asked(quantd: Run) -> None:
    done = quantd("alerts", "add", "zscore > two", "--of", "A-B", "--url", "http://127.0.0.1:1")
    assert done.returncode == 2
    assert done.stderr.splitlines()[1] == "zscore > two"
    assert done.stderr.splitlines()[2].startswith("         ^^^ ")


def test_the_wrong_word_that_the_daemon_finds_is_marked_too(quantd: Run, services: FakeServices, url: str) -> None:
    services.rules.mistakes = [Mistake("rule", 0, 0, "when", "column 15: no metric 'corrr'", "corr")]
    done = quantd("alerts", "add", "zscore > 2 or corrr > 1", "--of", "A-B", "--url", url)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "quantd: when: column 15: no metric 'corrr' (did you mean 'corr'?)",
        "zscore > 2 or corrr > 1",
        "              ^^^^^",
    ]


def test_what_is_meant_must_be_certain(quantd: Run, url: str) -> None:
    for _ in range(2):
        quantd(*FAR, "--name", "far", "--url", url)
    twice = quantd("alerts", "remove", "far", "--url", url)
    assert (twice.returncode, twice.stderr) == (2, "quantd: 2 rules are meant by 'far': give an id: written-1, written-2\n")
    none = quantd("alerts", "show", "fra", "--url", url)
    assert "did you mean 'far'?" in none.stderr


def test_a_rule_that_is_not_listed_since_it_is_not_judged_is_removed_by_its_id(quantd: Run, services: FakeServices, url: str) -> None:
    made = services.alerts.add("price", "BTCUSDT", ">", 1.0)  # here it is in no list of rules, as one that the config does not allow
    removed = quantd("alerts", "remove", made.id, "--url", url)
    assert (removed.returncode, services.alerts.rules()) == (0, [])
    again = quantd("alerts", "remove", made.id, "--url", url)
    assert (again.returncode, again.stderr) == (2, f"quantd: no rule '{made.id}': `quantd alerts list` shows what there is\n")


@pytest.mark.parametrize("label", ["desk", "=a"])
def test_a_label_has_a_name_and_a_value(quantd: Run, label: str) -> None:
    done = quantd(*FAR, "--label", label, "--url", "http://127.0.0.1:1")
    assert (done.returncode, "write it like desk=crypto" in done.stderr) == (2, True)


def test_a_daemon_that_is_not_there(quantd: Run) -> None:
    assert quantd("alerts", "list", "--url", "http://127.0.0.1:1").returncode == 69
