"""`quantd run` says what to write where there is nothing to watch, and with its exit code whether starting it again may help."""

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from quantd.state import State
from tests.waiting import PATIENCE_S

from .conftest import Run


def configure(folder: Path, state: Path) -> None:
    settings = {"pairs": ["A-B"], "feeds": {"synthetic": {}}, "store": "local", "state": {"dir": str(state)}}
    (folder / "quantd.yaml").write_text(yaml.safe_dump(settings))
    (folder / "pipelines").mkdir()
    (folder / "pipelines/default.yaml").write_text(yaml.safe_dump({"feed": "synthetic", "bars": "time", "regression": "ols"}))


def newer(state: Path, name: str) -> None:
    State.open(state).close()
    (state / name).parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(state / name)) as db:
        db.execute("create table if not exists of_a_later_version(x)")
        db.execute("pragma user_version = 99")


def test_a_state_that_cannot_be_written_may_be_later(process: Run, tmp_path: Path) -> None:
    configure(tmp_path, Path("/proc/quantd"))
    done = process("run")
    assert done.returncode == 74
    assert done.stderr.startswith("quantd: cannot use the state directory /proc/quantd: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["quantd.db", "history/hot.db"])
def test_a_state_of_a_later_version_stays_one(process: Run, tmp_path: Path, name: str) -> None:
    configure(tmp_path, tmp_path / "state")
    newer(tmp_path / "state", name)
    done = process("run")
    assert done.returncode == 78
    assert f"{name} was written by a later quantd" in done.stderr
    assert list((tmp_path / "state").rglob("*.broken-*")) == []


def test_a_store_of_a_replay_that_cannot_be_written_may_be_later(process: Run, tmp_path: Path) -> None:
    (tmp_path / "ticks.ndjson").write_text('{"symbol": "A", "ts": 1, "price": 1, "size": 1}\n')
    done = process("replay", "ticks.ndjson", "--pair", "A-B", "--store", "/proc/quantd")
    assert done.returncode == 74, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("text", ["", "log: info\n", "pairs:\nsymbols: []\n"])
def test_an_empty_config_is_told_what_to_write(quantd: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "quantd.yaml").write_text(text)
    done = quantd("run")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("quantd: nothing to watch: there are no pairs and no symbols in quantd.yaml; write `pairs: [")
    assert done.stderr.strip().removeprefix("quantd: ") in quantd("check").stderr
    (tmp_path / "quantd.yaml").write_text("\n".join(re.findall("`(.*?)`", done.stderr)))
    done = quantd("check")
    assert (done.returncode, done.stderr) == (0, "")


def test_an_export_that_cannot_be_written_may_be_later(process: Run, tmp_path: Path) -> None:
    configure(tmp_path, tmp_path / "state")
    pipeline = yaml.safe_load((tmp_path / "pipelines/default.yaml").read_text()) | {"exports": [{"use": "csv", "dir": "/proc/quantd"}]}
    (tmp_path / "pipelines/default.yaml").write_text(yaml.safe_dump(pipeline))
    done = process("run")
    assert (done.returncode, done.stderr) == (74, "quantd: exporter csv (1) cannot write to /proc/quantd: No such file or directory\n")


@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full"])
def test_the_exit_code_tells_also_where_stderr_takes_nothing(tmp_path: Path, stderr: str) -> None:
    configure(tmp_path, Path("/proc/quantd"))
    command = ["sh", "-c", f'exec "$@" {stderr}', "sh", sys.executable, "-m", "quantd", "run"]
    assert subprocess.run(command, cwd=tmp_path, timeout=PATIENCE_S).returncode == 74


def test_what_is_written_to_a_closed_stderr_goes_into_no_file(tmp_path: Path) -> None:
    program = "import os, quantd.cli as c; c._open_closed(); print(os.open('data', os.O_CREAT | os.O_RDWR), flush=True); os.write(2, b'x')"
    command = ["sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, timeout=PATIENCE_S)
    assert int(done.stdout) > 2
    assert (tmp_path / "data").read_bytes() == b""
