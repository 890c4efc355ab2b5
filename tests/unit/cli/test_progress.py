"""Long work is told of on stderr: a line where there is no terminal, a bar where there is one."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from quantd.cli.progress import busy, line
from quantd.clock import EventClock
from quantd.config.load import build
from quantd.runtime.build import build as compose

SYNTHETIC = {"pairs": ["A-B"], "feeds": {"synthetic": {}}}
PIPELINE = {"feed": "synthetic", "bars": {"use": "time", "every": ["1s"]}, "regression": "ols"}


def test_a_line_tells_how_far_each_feed_is(tmp_path: Path) -> None:
    loaded = build(SYNTHETIC, {"default": PIPELINE}, {})
    runtime = compose(loaded.config, loaded.registry, EventClock(), tmp_path)
    assert line(runtime) == "at work: synthetic 0%"


def test_short_work_says_nothing_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with busy("sums"):
        pass
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_work_at_once() -> None:
    mine, theirs = pty.openpty()
    script = "import quantd.cli.progress as progress\nwith progress.busy('sums'): pass"
    done = subprocess.run([sys.executable, "-c", script], stderr=theirs, stdout=subprocess.PIPE, check=True)
    os.close(theirs)
    shown = os.read(mine, 10_000)
    os.close(mine)
    assert done.stdout == b""
    assert b"sums" in shown
