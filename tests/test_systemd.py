"""The unit file is one that systemd accepts and calls well confined."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from quantd.config.load import load
from quantd.errors import QuantdError, StateLocked, StateNewer, StateUnusable
from tests.conftest import ROOT

UNIT = ROOT / "systemd" / "quantd.service"
BINARY = "/opt/quantd/venv/bin/quantd"


def analyze(*args: str | Path) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    return subprocess.run(["systemd-analyze", *args], capture_output=True, text=True, check=False)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a binary that is there."""
    text = UNIT.read_text()
    assert f"\nExecStart={BINARY} run" in text
    copy = tmp_path / UNIT.name
    copy.write_text(text.replace(BINARY, sys.executable))
    return copy


def test_systemd_accepts_the_unit(unit: Path) -> None:
    done = analyze("verify", "--man=no", unit)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_misspelt_key_is_noticed(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("WatchdogSec", "WatchdogSecs"))
    assert "WatchdogSecs" in analyze("verify", "--man=no", unit).stderr


def test_the_service_is_confined(unit: Path) -> None:
    done = analyze("security", "--offline=true", "--threshold=20", unit)
    assert done.returncode == 0, done.stdout


def test_a_loosened_unit_is_noticed(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("CapabilityBoundingSet=\n", "").replace("PrivateUsers=yes\n", ""))
    assert analyze("security", "--offline=true", "--threshold=20", unit).returncode != 0


def test_the_settings_of_the_example_are_valid() -> None:
    lines = (UNIT.parent / "quantd.env.example").read_text().splitlines()
    settings = dict(line[1:].split("=") for line in lines if re.match(r"#\w+=", line))
    assert load(ROOT / "quantd.yaml", settings).config.log == settings["QUANTD__LOG"] == "debug"


def test_what_may_mend_itself_is_started_again() -> None:
    """A config that is wrong stays wrong, and so does a state of a later version; a disk may be freed, another daemon may end."""
    stays = UNIT.read_text().split("RestartPreventExitStatus=")[1].splitlines()[0].split()
    assert {int(code) for code in stays} == {QuantdError.exit_code, StateNewer.exit_code}
    assert not {StateUnusable.exit_code, StateLocked.exit_code} & {int(code) for code in stays}


def test_the_growing_pause_is_two_keys_that_an_older_systemd_lacks(unit: Path) -> None:
    shutil.copytree(UNIT.parent / "quantd.service.d", unit.parent / "quantd.service.d")
    complaints = analyze("verify", "--man=no", unit).stderr
    assert set(re.findall(r"Unknown key name '(\w+)'", complaints)) in (set(), {"RestartSteps", "RestartMaxDelaySec"})
    assert len(complaints.splitlines()) in (0, 2), complaints
