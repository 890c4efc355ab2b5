"""A real daemon on a real (simulated) exchange, each in a process of its own."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import yaml

from quantd.cli.exchange import Exchange, simulator
from quantd.simulator.scenario import BUILT_IN
from tests.waiting import PATIENCE_S

HISTORY_H = 6
Start = Callable[..., "Running"]


class Running:
    """A `quantd run` that has said READY."""

    def __init__(self, process: subprocess.Popen[str], listen: str, folder: Path) -> None:
        self.process = process
        self.listen = listen
        self.folder = folder

    @property
    def http(self) -> str:
        return f"http://{self.listen}"

    @property
    def ws(self) -> str:
        return f"ws://{self.listen}/ws"

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """One for each test: daemons that begin one after the other would use up the weight of one."""
    folder = tmp_path_factory.mktemp("exchange")
    with simulator(folder / "ledger", "--scenario", str(recent(folder))) as running:
        yield running


def recent(folder: Path) -> Path:
    """The scenario of the demo, of which the exchange tells the last hours: to make two days of trades takes seconds."""
    scenario = yaml.safe_load((BUILT_IN / "demo.yaml").read_text())
    path = folder / "recent.yaml"
    path.write_text(yaml.safe_dump(scenario | {"limits": scenario.get("limits", {}) | {"history_h": HISTORY_H}}))
    return path


@pytest.fixture
def folder(tmp_path: Path, exchange: Exchange) -> Path:
    """A config that watches two pairs on the exchange."""
    write_config(tmp_path, exchange.ws, exchange.rest)
    return tmp_path


def write_config(folder: Path, ws: str, rest: str) -> None:
    settings = {
        "pairs": ["BTCUSDT-ETHUSDT", "SOLUSDT-AVAXUSDT"],
        "symbols": ["BNBUSDT"],
        "feeds": {"binance-futures": {"ws": ws, "rest": rest, "files": rest, "reconnect_max": "1s"}},
        "store": "local",
        "sinks": {"log": {}},
        "jobs": [{"use": "retention", "every": "1h"}],
        "state": {"dir": str(folder / "state")},
    }
    pipeline = {
        "feed": "binance-futures",
        "bars": {"use": "time", "every": ["1s", "1m", "5m"]},
        "regression": "ols",
        "jobs": [{"use": "adf", "every": "1m"}],
        "alerts": [{"name": "stretched", "when": "abs(zscore) > 2", "every": "1s", "send": ["log"]}],
        "exports": [{"use": "csv", "dir": str(folder / "exports"), "roll": "1d"}],
    }
    (folder / "pipelines").mkdir(exist_ok=True)
    (folder / "quantd.yaml").write_text(yaml.safe_dump(settings))
    (folder / "pipelines/default.yaml").write_text(yaml.safe_dump(pipeline))


def wait_until_ready(told: socket.socket, process: subprocess.Popen[str]) -> None:
    try:
        while not told.recv(4096).startswith(b"READY=1"):
            pass
    except TimeoutError:
        process.kill()
        pytest.fail(f"not ready in time: {process.communicate()[1]}")


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a daemon in a folder and wait until it says that it is ready."""
    with daemons() as begin:
        yield begin


@contextmanager
def daemons() -> Iterator[Start]:
    """What starts daemons, which end with the block."""
    running: list[subprocess.Popen[str]] = []

    def begin(folder: Path, *, ready: bool = True, descriptors: int | None = None) -> Running:
        listen = f"127.0.0.1:{free_port()}"
        address = str(folder / f"notify-{len(running)}")
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as told:
            told.bind(address)
            told.settimeout(PATIENCE_S)
            limited = ["prlimit", f"--nofile={descriptors}"] if descriptors else []
            command = [*limited, sys.executable, "-m", "quantd", "run", "--listen", listen]
            env = os.environ | {"NOTIFY_SOCKET": address}
            process = subprocess.Popen(command, cwd=folder, env=env, stderr=subprocess.PIPE, text=True)
            running.append(process)
            if ready:
                wait_until_ready(told, process)
        return Running(process, listen, folder)

    yield begin
    for process in running:
        process.kill()
        process.wait()
        if process.stderr:
            process.stderr.close()
