"""Trades that came and are in no bar: `quantd replay` names them, and fails."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quantd.cli import app
from tests.plugins.feeds.files import captured, frame, write
from tests.scenarios.markets import DAWN

PAIR = ("--pair", "AAAUSDT-BBBUSDT", "--every", "1s", "--window", "5")


def late(symbol: str, numbers: Iterable[tuple[int, int]]) -> list[str]:
    """Frames by receipt, in steps of a minute, of these ids and minutes."""
    return [captured(DAWN + 60_000 * n, frame(number, symbol=symbol, ts=DAWN + 60_000 * at)) for n, (number, at) in enumerate(numbers)]


def test_trades_that_are_in_no_bar_are_told_and_fail_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    minutes = [(n, n) for n in range(1, 301)]
    one = write(tmp_path / "a", *late("AAAUSDT", [*minutes[:100], *minutes[101:], minutes[100]]))
    two = write(tmp_path / "b", *late("BBBUSDT", minutes))
    done = CliRunner().invoke(app, ["replay", str(one), str(two), *PAIR])
    assert done.exit_code == 1
    assert "lost 1 trades of AAAUSDT: 0 are from long before the first one, 1 came after their bars could be mended" in done.output
