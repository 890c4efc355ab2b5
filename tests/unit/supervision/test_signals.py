"""Signals are obeyed whatever the loop does."""

import signal
import subprocess
import sys

import pytest

from tests.waiting import PATIENCE_S

PROGRAM = """
import asyncio, sys, time
from quantd.daemon import _loop_factory
from quantd.supervision.signals import obeyed

async def main(form):
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    with obeyed(lambda: (print("first", flush=True), loop.call_soon_threadsafe(stopping.set))):
        print("ready", flush=True)
        while form == "held":
            time.sleep(0.01)
        await stopping.wait()
    print("stopped", flush=True)

with asyncio.Runner(loop_factory=_loop_factory()) as runner:
    runner.run(main(sys.argv[1]))
"""


def begin(form: str) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, form], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_first_stops(number: int) -> None:
    process = begin("free")
    process.send_signal(number)
    assert process.communicate(timeout=PATIENCE_S) == ("first\nstopped\n", "")
    assert process.returncode == 0


def test_the_second_leaves_at_once_while_the_loop_is_held_up() -> None:
    process = begin("held")
    assert process.stdout
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "first\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 128 + signal.SIGINT


def test_a_thread_that_is_left_keeps_no_process() -> None:
    form = "import threading, quantd.supervision.signals as s; s.LONGEST_STOP_S = 0.1\n" + PROGRAM
    form += "\nthreading.Thread(target=threading.Event().wait, name='left by a plugin').start()\n"
    process = subprocess.Popen([sys.executable, "-c", form, "free"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (1, "first\nstopped\n")
    assert err == "not stopped within 0.1 s: leaving what hangs; threads: left by a plugin\n"
