"""The command line: start, stop, refusals, and what the process holds."""

import asyncio
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import PATIENCE_S

from .support import Simulator, Start, command

MODULES_AT_EXIT = """
import atexit, runpy, sys
atexit.register(lambda: print(*(name for name in sys.modules if name.split(".")[0] == "quantd"), sep="\\n"))
runpy.run_module("quantd.simulator", run_name="__main__")
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(start: Start, number: int) -> None:
    assert start().stop(number) == 0


async def test_it_stops_with_clients_on_the_line(start: Start, tmp_path: Path) -> None:
    simulator = start("--ctl", f"unix:{tmp_path}/ctl.sock")
    assert simulator.ctl == f"unix:{tmp_path}/ctl.sock"
    assert (tmp_path / "ctl.sock").is_socket()
    async with simulator.connect("/market/ws/btcusdt@aggTrade") as ws:
        await ws.recv()
        simulator.process.terminate()
        await ws.wait_closed()
        assert ws.close_code == 1001
    assert simulator.process.wait(PATIENCE_S) == 0


def test_its_process_holds_no_other_part_of_quantd(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", MODULES_AT_EXIT, "--ledger", str(tmp_path)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert "ready" in process.stdout.readline()
    process.terminate()
    held = process.communicate(timeout=PATIENCE_S)[0].split()
    assert "quantd.simulator.server" in held
    assert [name for name in held if name != "quantd" and not name.startswith("quantd.simulator")] == []


def test_it_leaves_with_its_parent(tmp_path: Path) -> None:
    arguments = command("--ledger", tmp_path, "--exit-with-parent")
    orphan = f"import subprocess, sys; p = subprocess.Popen({arguments!r}); print(p.pid, flush=True); sys.stdin.readline()"
    parent = subprocess.Popen([sys.executable, "-c", orphan], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert "ready" in parent.stdout.readline()
    handle = os.pidfd_open(child)
    parent.communicate("\n", timeout=PATIENCE_S)
    assert asyncio.run(_ended(handle))


async def _ended(handle: int) -> bool:
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(handle, gone.set)
    return await asyncio.wait_for(gone.wait(), PATIENCE_S)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--scenario", "nosuch"], "built in"),
        (["--epoch", "1"], "1970"),
        (["--rate", "0"], "above 0"),
        (["--ws", "8000"], "host:port"),
    ],
)
def test_a_bad_command_line_ends_with_2(tmp_path: Path, arguments: list[str], complaint: str) -> None:
    ended = subprocess.run(command("--ledger", tmp_path, *arguments), capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert ended.returncode == 2
    assert complaint in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_address_in_use_ends_with_1(demo: Simulator, tmp_path: Path) -> None:
    taken = demo.rest.removeprefix("http://")
    ended = subprocess.run(command("--ledger", tmp_path, "--rest", taken), capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert ended.returncode == 1
    assert taken.split(":")[1] in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_ledger_that_cannot_be_written_ends_it_with_1(tmp_path: Path) -> None:
    limited = "ulimit -f 8; exec " + shlex.join(command("--ledger", tmp_path, "--rate", 100))
    ended = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert ended.returncode == 1
    assert "File too large" in ended.stderr
    assert "Traceback" not in ended.stderr
