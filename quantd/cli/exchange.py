"""Runs the simulated exchange in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from quantd.errors import QuantdError

_PATIENCE_S = 5.0


class Exchange(Struct, frozen=True):
    """The addresses of a running simulator."""

    ws: str
    rest: str
    ctl: str
    ledger: Path
    """Folder of the record of every live trade."""


@contextmanager
def simulator(ledger: Path, *options: str) -> Iterator[Exchange]:
    """Run a simulator on free ports. It ends with the block, and with this process however that ends. Raises QuantdError."""
    command = [sys.executable, "-m", "quantd.simulator", "--ledger", str(ledger), "--exit-with-parent", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise QuantdError(f"the simulated exchange did not start: exit code {process.wait(_PATIENCE_S)}")
        said = json.loads(line)
        yield Exchange(said["ws"], said["rest"], said["ctl"], ledger)
    finally:
        process.terminate()
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
