"""Clients that other projects publish, each installed as it is into an environment of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.support import Simulator, Start

# What these tests were last seen to pass with. Nothing else names a version.
PINNED = {
    "official-sdk": ("binance-sdk-derivatives-trading-usds-futures==18.1.0", "binance-common==4.7.0"),
    "python-binance": ("python-binance==1.0.37",),
    "ubwa": ("unicorn-binance-websocket-api==2.16.1", "unicorn-binance-rest-api==2.12.0", "unicorn-fy==0.17.2"),
}
HERE = Path(__file__).parent
INSTALL_S, RUN_S = 180, 150
MARKET = """
symbols:
  BTCUSDT: {level: 90000, tick: 0.1, step: 0.001, rate: 14}
  ETHUSDT: {level: 3200, tick: 0.01, step: 0.001, rate: 11}
quirks: {extra_field_every: 0}
"""


class Peers:
    """Runs scripts of this folder with the client that they are for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._failures: dict[str, str] = {}

    def run(self, peer: str, script: str, *arguments: object) -> Any:
        """What the script tells in its last line of output, which is JSON. Skips the test if the client cannot be installed."""
        command = [str(self._python(peer)), "-E", str(HERE / f"{script}.py"), *map(str, arguments)]
        environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        ended = subprocess.run(command, capture_output=True, text=True, timeout=RUN_S, check=False, env=environment)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout.splitlines()[-1])

    def _python(self, peer: str) -> Path:
        home = self._folder / peer
        python = home / "bin" / "python"
        if not home.exists():
            self._make([sys.executable, "-m", "venv", home], peer)
            self._make([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PINNED[peer]], peer)
        if peer in self._failures:
            pytest.skip(f"{' '.join(PINNED[peer])} cannot be installed here: {self._failures[peer]}")
        return python

    def _make(self, command: list[Any], peer: str) -> None:
        """One step of the installation, unless one before has failed."""
        if peer in self._failures:
            return
        try:
            subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=True)
        except subprocess.CalledProcessError as failure:
            self._failures[peer] = (failure.stderr.strip() or failure.stdout.strip() or str(failure)).splitlines()[-1]
        except subprocess.TimeoutExpired as failure:
            self._failures[peer] = str(failure)


@pytest.fixture(scope="session")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Peers:
    return Peers(tmp_path_factory.mktemp("peers"))


@pytest.fixture(scope="session")
def exchange(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Simulator:
    """A market whose frames have no field but the documented ones."""
    path = tmp_path_factory.mktemp("scenario") / "peers.yaml"
    path.write_text(MARKET)
    return start("--scenario", path)
