"""The log is written beside what logs: who does not read it holds up nobody."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable

from quantd.log.background import BackgroundHandler
from tests.waiting import PATIENCE_S

CAPACITY = 65_536
"""Of a pipe, in bytes."""
PROGRAM = """
import logging
from quantd.log import setup

setup("info", background=True)
for n in range(3):
    logging.getLogger(f"test.{n}").info("line %d", n)
"""


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("test", logging.INFO, "", 0, text, None, None)


def read_until(reader: int, enough: Callable[[list[str]], bool], data: bytes = b"") -> bytes:
    while not enough(data.decode().splitlines()):
        data += os.read(reader, CAPACITY)
    return data


def test_lines_that_nobody_reads_wait_and_then_come_in_order() -> None:
    reader, writer = os.pipe()
    handler = BackgroundHandler(writer)
    sent = [f"{n} " + "x" * 1_000 for n in range(100)]  # more than the pipe takes
    for line in sent:
        handler.handle(record(line))
    handler.handle(record("the last"))
    assert read_until(reader, lambda lines: "the last" in lines).decode().splitlines() == [*sent, "the last"]


def test_what_is_left_out_is_counted() -> None:
    reader, writer = os.pipe()
    handler = BackgroundHandler(writer, most=100)
    for n in range(300):
        handler.handle(record(f"{n} " + "x" * 1_000))
    data = read_until(reader, lambda lines: accounted(lines) == 300)
    handler.handle(record("the last"))
    lines = read_until(reader, lambda lines: "the last" in lines, data).decode().splitlines()
    assert accounted(lines) == 301
    assert len(lines) >= 100


def accounted(lines: list[str]) -> int:
    """Of the lines of `record`: those that came, and those that are counted as left out."""
    told = [line for line in lines if line.endswith("left out: stderr did not take them")]
    return len(lines) - len(told) + sum(int(line.split()[0]) for line in told)


def test_all_is_written_before_the_process_ends() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], stderr=subprocess.PIPE, text=True, check=True, timeout=PATIENCE_S)
    assert [line.split("]")[1].split("[")[0].strip() for line in done.stderr.splitlines()] == ["line 0", "line 1", "line 2"]


def test_a_process_ends_though_nobody_reads_its_log() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writer, True)
    assert subprocess.run([sys.executable, "-c", PROGRAM], stderr=writer, timeout=PATIENCE_S).returncode == 0
    os.close(reader)


def test_a_thread_that_fails_is_a_line_of_the_log() -> None:
    program = (
        PROGRAM + "import threading\nthread = threading.Thread(target=lambda: 1 / 0, name='of a plugin')\nthread.start()\nthread.join()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, check=True, timeout=PATIENCE_S)
    assert "thread of a plugin ended with ZeroDivisionError: division by zero (<string>:" in done.stderr.splitlines()[3]
    assert len(done.stderr.splitlines()) == 4
