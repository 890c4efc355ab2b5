"""Simulator processes, shared by the tests of this folder."""

import json
import subprocess
from collections.abc import Iterator

import pytest

from .support import Simulator, Start, command

STRICT = """
symbols:
  BTCUSDT: {level: 90000, tick: 0.1, step: 0.001, rate: 40}
limits: {max_streams: 3, ping_s: 0.05, pong_s: 0.15, backend_timeout_s: 0.01}
"""
FAULTY = """
symbols:
  BTCUSDT: {level: 90000, tick: 0.1, step: 0.001, rate: 500}
  ETHUSDT: {level: 3200, tick: 0.01, step: 0.001, rate: 500}
push_ms: 10
"""


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts simulators with the given options; all are stopped at the end."""
    running: list[Simulator] = []

    def launch(*arguments: object) -> Simulator:
        ledger = tmp_path_factory.mktemp("ledger")
        process = subprocess.Popen(command("--ledger", ledger, "--exit-with-parent", *arguments), stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready.pop("ready") is True
        running.append(Simulator(process, ledger, **ready))
        return running[-1]

    yield launch
    for simulator in running:
        if simulator.process.poll() is None:
            simulator.stop()


@pytest.fixture(scope="session")
def demo(start: Start) -> Simulator:
    """The demo market, somewhat faster."""
    return start("--rate", 6)


@pytest.fixture(scope="session")
def strict(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Simulator:
    """One symbol, and limits so small that tests can reach them."""
    path = tmp_path_factory.mktemp("scenario") / "strict.yaml"
    path.write_text(STRICT)
    return start("--scenario", path)


@pytest.fixture(scope="session")
def faulty(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Simulator:
    """Two quick symbols; whoever orders a fault here takes it back."""
    path = tmp_path_factory.mktemp("scenario") / "faulty.yaml"
    path.write_text(FAULTY)
    return start("--scenario", path)
