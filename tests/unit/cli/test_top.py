"""`quantd top` against the API on a real socket, in a terminal and without one."""

import os
import pty
import select
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

import pytest

from quantd.api.schema import figures
from quantd.cli.top_view import View
from quantd.client import AlertRow, LogRow
from quantd.services.analytics import PairStatus
from quantd.supervision.troubles import Trouble
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.testing.services import FakeServices
from quantd.tokens import TokenFile
from tests.unit.cli.conftest import Run
from tests.waiting import PATIENCE_S

from .test_status import GAPPY, file, services, url

__all__ = ["file", "services", "url"]
PAIR = PairStatus("BTCUSDT-ETHUSDT", "1m", START, 60, 60, fakes.points(1)[0], None)


def test_one_frame_shows_pairs_feeds_and_troubles(quantd: Run, services: FakeServices, url: str) -> None:
    services.status.qualities = [GAPPY]
    services.status.present = [Trouble("disk", "/var", "1 % is free", START)]
    services.analytics.statuses = [PAIR, PairStatus("A-B", "1m", None, 12, 60, None, "warming")]
    done = quantd("top", "--once", "--url", url)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["degraded", url]
    assert "disk /var: 1 % is free" in lines
    assert any(line.split()[:5] == ["binance", "live", "4", "3", "1,234"] for line in lines)
    assert any(line.startswith("BTCUSDT-ETHUSDT  1m") for line in lines)
    assert any(line.split()[:2] == ["A-B", "1m"] and line.rstrip().endswith("warming") for line in lines)
    assert any(line.split()[:4] == ["ETHUSDT", "down", "5", "2"] for line in lines)


def test_a_daemon_that_is_not_there_is_told(quantd: Run) -> None:
    done = quantd("top", "--once", "--url", "http://127.0.0.1:9")
    assert done.returncode == 69
    assert "http://127.0.0.1:9 cannot be reached" in done.stderr


def test_one_that_asks_for_a_token(quantd: Run, url: str, file: TokenFile) -> None:
    token = file.create("ops", "read", 0, None)
    assert quantd("top", "--once", "--url", url, QUANTD_TOKEN=token).returncode == 0
    for given in ({}, {"QUANTD_TOKEN": f"{token}x"}):
        done = quantd("top", "--once", "--url", url, **given)
        assert done.returncode == 77
        assert "; put a token of `quantd token create` into the environment variable QUANTD_TOKEN" in done.stderr
        assert "token=" not in done.stderr
        assert token not in done.stderr


def test_without_a_terminal_there_is_one_frame_or_none(quantd: Run, url: str) -> None:
    done = quantd("top", "--url", url)
    assert done.returncode == 2
    assert "--once" in done.stderr


class Terminal:
    """`quantd top` in a terminal of its own."""

    def __init__(self, url: str) -> None:
        self.pid, self._screen = pty.fork()
        if not self.pid:
            env = os.environ | {"TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
            os.execve(sys.executable, [sys.executable, "-m", "quantd", "top", "--url", url], env)
        self.shown = ""

    def read_until(self, seen: Callable[[str], bool]) -> None:
        """Read until what was shown is enough, or the other end is gone."""
        while not seen(self.shown):
            assert select.select([self._screen], [], [], PATIENCE_S)[0], self.shown
            try:
                self.shown += os.read(self._screen, 65536).decode(errors="replace")
            except OSError:  # this is how Linux tells of the end
                return

    def press(self, key: str) -> None:
        os.write(self._screen, key.encode())

    def exit_code(self) -> int:
        self.read_until(lambda _: False)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.mark.parametrize("end", ["q", "SIGINT", "SIGTERM"])
def test_in_a_terminal_it_draws_until_it_is_ended(services: FakeServices, url: str, end: str) -> None:
    services.analytics.statuses = [PAIR]
    terminal = Terminal(url)
    try:
        terminal.read_until(lambda shown: "BTCUSDT-ETHUSDT" in shown)
        assert "\x1b[?1049h" in terminal.shown, "it uses the terminal's other screen"
        if end == "q":
            terminal.press("q")
        else:
            os.kill(terminal.pid, signal.Signals[end])
        assert terminal.exit_code() == 0
        assert terminal.shown.count("\x1b[?1049l") == 1, "it leaves the terminal as it was"
        assert "Traceback" not in terminal.shown
    finally:
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(terminal.pid, signal.SIGKILL)


def test_a_view_keeps_to_its_height_and_says_what_it_hides() -> None:
    view = View("http://here")
    view.keep([figures.nowcast(PairStatus(f"A{number}-B", "1m", START, 60, 60, None, None)) for number in range(50)], 0.0)
    from quantd.cli.screen import screen

    console = screen()
    with console.capture() as captured:
        console.print(view.screen(30, 0.0))
    text = captured.get()
    assert len(text.splitlines()) <= 30
    assert "and 32 more" in text


def test_the_age_of_a_pair_is_since_its_last_trade_was_seen() -> None:
    view, row = View("http://here"), figures.nowcast(PAIR)
    view.put(row, 10.0)
    view.put(row, 14.0)
    view.alerts.append(
        AlertRow("id", "rule", "high", "A-B", "firing", "zscore", 1.0, 2.0, "", "2026-01-01T08:00:00.000Z", None, "so high\x1b")
    )
    view.lines.append(LogRow("2026-01-01T08:00:01.000Z", "warning", "quantd", "careful"))
    from quantd.cli.screen import screen

    console = screen()
    with console.capture() as captured:
        console.print(view.screen(None, 17.0))
    lines = captured.get().splitlines()
    assert any(line.split()[-1] == "s" and line.split()[-2] == "7" for line in lines if line.startswith("BTCUSDT-ETHUSDT"))
    assert "08:00:00 firing   so high" in lines
    assert "08:00:01 warning careful" in lines
