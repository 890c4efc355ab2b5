"""An explanation is printed for readers, or as JSON, and drawn into a file."""

import json
from pathlib import Path
from xml.etree import ElementTree

from quantd.testing.services import FakeServices
from tests.api.test_explain import fire
from tests.unit.cli.conftest import Run


def test_it_is_printed_for_readers(quantd: Run, url: str, services: FakeServices) -> None:
    fired = fire(services, 0.5, -2.5, 1.0)
    done = quantd("alerts", "explain", "Y-X/stretched", QUANTD_URL=url)
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    assert told[0] == fired
    assert "fired 2026-01-01T00:02:00.000Z at 2.5, resolved 2026-01-01T00:03:00.000Z at 1" in told[2]
    assert "clause    abs(zscore) > 2: 2.5" in told
    assert any(line.startswith("point ") and "beta 2," in line and "zscore -2.5" in line for line in told)
    assert "config    0123456789abcdef" in told


def test_it_is_drawn_and_printed_as_json(quantd: Run, url: str, services: FakeServices, tmp_path: Path) -> None:
    fired = fire(services, 0.5, -2.5)
    done = quantd("alerts", "explain", fired, "--json", "--svg", "firing.svg", "--url", url)
    assert json.loads(done.stdout)["id"] == fired
    assert ElementTree.fromstring((tmp_path / "firing.svg").read_text()).tag.endswith("svg")


def test_what_cannot_be_explained_is_told_in_a_line(quantd: Run, url: str) -> None:
    unknown = quantd("alerts", "explain", "none", "--url", url)
    assert (unknown.returncode, "Nothing is known of the firing none" in unknown.stderr) == (2, True)
    assert "there is no folder" in quantd("alerts", "explain", "none", "--svg", "no/folder.svg", "--url", url).stderr
    assert quantd("alerts", "explain", "none", "--url", "http://127.0.0.1:9").returncode == 69
