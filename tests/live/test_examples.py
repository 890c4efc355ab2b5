"""The scripts in examples/ run as they stand."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from tests.waiting import PATIENCE_S

from .conftest import Running, Start
from .test_restart import begun

RUN: dict[str, tuple[list[str], str]] = {
    "follow_points.py": (["BTCUSDT-ETHUSDT", "1s", "5"], "beta"),
    "resume.py": (["BTCUSDT", "20"], "20 trades of BTCUSDT"),
    "rules.py": ([], "fired: price > 1.0 for BTCUSDT"),
    "to_frame.py": (["BTCUSDT-ETHUSDT", "1s", "60"], "zscore"),
}
"""Each script with its arguments, and what it prints, among others."""


def run(daemon: Running, script: str) -> str:
    """What a script prints."""
    command = [sys.executable, str(ROOT / "examples" / script), *RUN[script][0]]
    env = os.environ | {"QUANTD_URL": daemon.http}
    done = subprocess.run(command, cwd=daemon.folder, env=env, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def test_each_script_has_a_row_here() -> None:
    assert {path.name for path in (ROOT / "examples").glob("*.py")} == set(RUN)


async def test_each_script_runs_against_a_daemon(folder: Path, start: Start) -> None:
    daemon = await begun(start, folder)
    for script, (_, said) in RUN.items():
        assert said in await asyncio.to_thread(run, daemon, script)
    assert "from where the last run ended" in await asyncio.to_thread(run, daemon, "resume.py")
    ids = [int(line.partition(",")[0]) for line in (folder / "trades.csv").read_text().splitlines()]
    assert ids == list(range(ids[0], ids[0] + 40))
