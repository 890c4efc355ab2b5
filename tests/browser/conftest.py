"""A running demo, whose pages the tests visit."""

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.live.conftest import free_port

PAIRS = ("BTCUSDT-ETHUSDT", "SOLUSDT-AVAXUSDT")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The origin of a demo whose windows are full."""
    origin = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "quantd", "demo", "--listen", origin.removeprefix("http://")]
    process = subprocess.Popen(command, cwd=tmp_path_factory.mktemp("demo"), stdout=subprocess.PIPE, text=True)
    assert process.stdout
    with process, process.stdout as told:
        try:
            assert any(len(re.findall(r" [+-]\d+\.\d\d", line)) == 3 * len(PAIRS) for line in told), "the demo ended early"
            yield origin
        finally:
            process.terminate()
