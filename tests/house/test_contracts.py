"""The import contracts of pyproject.toml hold, and each notices what it forbids."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.conftest import ROOT

LINT = "from importlinter.cli import lint_imports_command as lint; lint()"
PLANTS = [
    ("layers", "quantd/model.py", "import quantd.errors"),
    ("layers", "quantd/log/quiet.py", "def f(): from quantd.flow import bars"),
    ("layers", "quantd/config/model.py", "from quantd import runtime"),
    ("layers", "quantd/stray.py", "WITHOUT_A_LAYER = True"),
    ("layers", "quantd/simulator/clock.py", "import quantd.clock"),
    ("simulator", "quantd/cli/demo.py", "import quantd.simulator.market"),
    ("stages", "quantd/flow/bars/merge.py", "import quantd.flow.pairs"),
    ("stages", "quantd/flow/pairs/spec.py", "import quantd.flow.feed"),
    ("stages", "quantd/flow/alerts/new.py", "import quantd.flow.ingest.ledger"),
    ("outside", "quantd/api/ws/fanout.py", "from quantd.flow.hub import Hub"),
    ("outside", "quantd/api/routes/health.py", "from quantd.runtime.runtime import Runtime"),
    ("outside", "quantd/api/routes/alerts.py", "from quantd.services.live.alerts import LiveAlerts"),
    ("core", "quantd/runtime/build.py", "import quantd_plugins.feeds.replay"),
    ("plugins", "plugins/quantd_plugins/jobs/adf.py", "from quantd.model import Tick"),
    ("plugins", "plugins/quantd_plugins/sinks/log.py", "import quantd.testing"),
    ("plugins", "plugins/quantd_plugins/feeds/replay.py", "from quantd.net.websocket import WebSocket"),
    ("layers", "quantd/net/queue.py", "import quantd.metrics"),
    ("pure", "quantd/stats/rolling.py", "def f(): import pandas"),
    ("pure", "quantd/model.py", "import asyncio"),
    ("times", "quantd/api/schema/wire.py", "from datetime import UTC"),
    ("times", "plugins/quantd_plugins/sinks/log.py", "from datetime import UTC"),
]


def lint(directory: Path, *args: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": os.pathsep.join(str(directory / source) for source in (".", "plugins"))}
    command = [sys.executable, "-c", LINT, "--no-cache", "--no-logo", *args]
    return subprocess.run(command, cwd=directory, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Our sources, to plant things in."""
    for source in ("quantd", "plugins"):
        shutil.copytree(ROOT / source, tmp_path / source, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_hold() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("contract", "file", "line"), PLANTS)
def test_a_planted_import_is_noticed(copy: Path, contract: str, file: str, line: str) -> None:
    with (copy / file).open("a") as source:
        source.write(f"\n{line}\n")
    done = lint(copy, "--contract", contract)
    assert done.returncode == 1
    assert "0 kept, 1 broken" in done.stdout, done.stdout + done.stderr


def test_imports_for_type_checkers_do_not_count(copy: Path) -> None:
    with (copy / "quantd/model.py").open("a") as source:
        source.write("\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import quantd.errors\n")
    done = lint(copy)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_contract_is_tried() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert {contract["id"] for contract in contracts} == {contract for contract, _, _ in PLANTS}
