import random
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run


@pytest.fixture
def bars(tmp_path: Path) -> list[str]:
    """OHLC files of 1m bars of two symbols."""
    noise = random.Random(1)
    for symbol in ("AAA", "BBB"):
        rows = [f"{1_767_225_600_000 + 60_000 * minute},{p},{p + 1},{p - 1},{p},5" for minute in range(90) if (p := 100 + noise.random())]
        (tmp_path / f"{symbol}.csv").write_text("ts,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    return ["AAA.csv", "BBB.csv"]


def test_files_become_points(process: Run, bars: list[str], tmp_path: Path) -> None:
    done = process("replay", *bars, "--pair", "aaa-bbb", "--every", "1m", "--every", "5m", "--window", "10", "--out", "made")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["bars.csv", "points.csv"]


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["gone.csv", "--pair", "AAA-BBB"], "replay: cannot open gone.csv: No such file or directory: check its name"),
        ([".", "--pair", "AAA-BBB"], "replay: cannot open .: is a folder: name the files in it"),
        (["AAA.csv"], "which pair? Name one with --pair BTCUSDT-ETHUSDT"),
        (["AAA.csv", "--pair", "AAA"], "pairs[0]: 'AAA' is not a pair: write it like BTCUSDT-ETHUSDT"),
        (["AAA.csv", "--pair", "AAA-AAA"], "pairs[0]: 'AAA-AAA' pairs a symbol with itself"),
        (
            ["AAA.csv", "--pair", "AAA-BBB", "--regression", "olss"],
            "regression.use: no regression 'olss'; there is ",
        ),
        (["AAA.csv", "--pair", "AAA-BBB", "--every", "7x"], "bars.every[0]: '7x' is not a timeframe"),
        (["AAA.csv", "--pair", "AAA-BBB", "--window", "1"], "regression.window: expected a whole number >= 2, found 1"),
        (["AAA.csv", "--pair", "AAA-BBB", "--pipeline", "replya"], "no pipeline 'replya'"),
        (["AAA.csv", "BBB.csv", "--pair", "AAA-BBB", "--every", "1s"], "the feed brings bars of 1m, of which 1s cannot be made"),
    ],
)
def test_what_is_wrong_is_a_line(process: Run, bars: list[str], args: list[str], text: str) -> None:
    done = process("replay", *args)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("quantd: ")
    assert text in line


def test_a_folder_that_cannot_be_written_is_a_line(process: Run, bars: list[str]) -> None:
    done = process("replay", "AAA.csv", "BBB.csv", "--pair", "AAA-BBB", "--every", "1m", "--out", "AAA.csv")
    assert (done.returncode, done.stdout) == (74, "")
    (line,) = done.stderr.strip().splitlines()
    assert "cannot write to AAA.csv: File exists" in line


def test_a_pipeline_of_ones_own_keeps_its_positions(process: Run, bars: list[str], tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "mine.yaml").write_text("extends: replay\nzscore: {windo: 3}\n")
    done = process("replay", *bars, "--pair", "AAA-BBB", "--pipeline", "mine")
    assert (
        done.stderr == "quantd: pipelines/mine.yaml:2:10: zscore.windo: unknown key; "
        "there is against, halflife, method, window (did you mean 'window'?)\n"
    )


def test_a_config_of_the_daemon_has_no_say(process: Run, bars: list[str]) -> None:
    done = process("replay", *bars, "--pair", "AAA-BBB", "--every", "1m", QUANTD__PAIRS="[C-D]", QUANTD__STAET="x")
    assert done.returncode == 0, done.stderr


LIARS = """
import numpy as np
import quantd

class Pair(quantd.Regression):
    "Answers two numbers."
    def fit(self, y, x):
        return 0.0, 1.0

class Singular(quantd.Regression):
    "Solves what has no solution."
    def fit(self, y, x):
        return np.linalg.solve(np.zeros((2, 2)), np.zeros(2))

@quantd.hookimpl
def register_regressions(register):
    register("pair", Pair)
    register("singular", Singular)
"""


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "pair",
            "Pair.fit returned (0.0, 1.0), a tuple: expected a quantd.Hedge, or None where there is no answer (plugins/liars.py:7 in fit)",
        ),
        ("singular", "LinAlgError: Singular matrix (plugins/liars.py:13 in fit)"),
    ],
)
def test_a_plugin_that_answers_nonsense_is_told_its_line(process: Run, bars: list[str], tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "liars.py").write_text(LIARS)
    done = process("replay", *bars, "--pair", "AAA-BBB", "--every", "1m", "--window", "10", "--regression", name)
    assert done.returncode == 1
    error = done.stderr.replace(f"{tmp_path}/", "")
    assert f"regression {name} (AAA-BBB): {told}" in error
    assert f"times, last: {told}" in error
