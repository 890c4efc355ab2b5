"""Tiny cases that a reader checks by hand: a folder with `command.txt`, the files it names, and the bars.csv and points.csv to expect."""

import csv
import shlex
from itertools import pairwise
from pathlib import Path

import pytest

from tests.scenarios import compare, oracle
from tests.scenarios.conftest import Replay

FOLDERS = sorted(path.parent for path in Path(__file__).parent.glob("*/command.txt"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_command_writes_what_is_expected(folder: Path, replay: Replay, tmp_path: Path) -> None:
    file, *options = shlex.split((folder / "command.txt").read_text())
    replay([folder / file], *options, "--out", tmp_path)
    for name in ("bars.csv", "points.csv"):
        found, wanted = tmp_path / name, folder / name
        assert found.read_bytes() == wanted.read_bytes() or table(found) == table(wanted), name


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_what_is_expected_is_what_the_definitions_say(folder: Path) -> None:
    """The oracle knows the whole file, so it does not doubt a day without trades as quantd does."""
    file, *options = shlex.split((folder / "command.txt").read_text())
    every = [value for name, value in pairwise(options) if name == "--every"]
    trades = oracle.trades([folder / file])
    expected = oracle.bars(trades, int(trades.ts.max()), every)
    leaps = folder.name == "day_boundary"
    compare.bars_agree(folder, expected, leaps=leaps)
    for name in every:
        assert compare.points_agree(folder, "YUSDT-XUSDT", expected, name, 5, leaps=leaps)


def table(path: Path) -> list[list[object]]:
    """The cells; numbers to a trillionth, for the last bit is the machine's."""
    with path.open(newline="") as file:
        return [[cell(text) for text in row] for row in csv.reader(file)]


def cell(text: str) -> object:
    try:
        return pytest.approx(float(text), rel=1e-12)
    except ValueError:
        return text
