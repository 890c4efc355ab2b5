"""`quantd alerts backtest` as its user meets it: the record, files, and what is wrong in a line."""

import json
from pathlib import Path

import pytest

from quantd_plugins.stores.local import Local
from tests.unit.cli.conftest import Run
from tests.unit.cli.test_backtest import CONFIG, PIPELINE, START, files
from tests.unit.hindsight.courses import points

__all__ = ["files"]
RULES = """
alerts:
  - {name: stretched, when: abs(zscore) > 2, every: 1m, send: [log]}
"""
STRETCHED = [0.5] * 10 + [2.5, 3.5, 1.0, 0.2, -0.1] + [0.5] * 10


@pytest.fixture
def record(tmp_path: Path) -> Local:
    """A store with the points of a pair that was stretched once."""
    (tmp_path / "quantd.yaml").write_text(CONFIG.replace("AAA-BBB", "Y-X"))
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "default.yaml").write_text(PIPELINE + RULES)
    store = Local()
    store.open(tmp_path / "state")
    store.append([], [], points(STRETCHED))
    return store


@pytest.mark.usefixtures("record")
def test_a_rule_of_the_config_is_judged_over_the_record(process: Run) -> None:
    done = process("alerts", "backtest", "stretched", "--from", str(START), "--json")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    (one,) = found["firings"]
    assert (found["of"], found["count"], found["basis"], found["bars"]) == ("Y-X", 1, "record", 25)
    assert (one["extreme"], one["lasted_s"], one["half_s"], one["mean_s"]) == (3.5, 120.0, 180.0, 240.0)


@pytest.mark.usefixtures("record")
def test_a_condition_is_judged_and_read_on_the_screen(process: Run) -> None:
    done = process("alerts", "backtest", "zscore > 3", "--of", "y-x", "--from", str(START))
    assert done.returncode == 0, done.stderr
    assert "1 firing, 4.0% of the time, 0 flaps, near the mean again after 2m in the median" in done.stdout
    assert "2026-01-01 00:12" in done.stdout


def test_a_symbol_is_not_judged_over_files(process: Run, files: list[str]) -> None:
    done = process("alerts", "backtest", "price > 1", "--of", "AAA", "--replay", files[0])
    assert (done.returncode, "over files, rules on pairs are judged" in done.stderr) == (2, True)


@pytest.mark.usefixtures("record")
@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("strech", "--from", "0"), "no rule on any pair or symbol is named strech; there is stretched"),
        (("zscore >", "--of", "Y-X"), "this is no condition:\nzscore >"),
        (("zscore > 2",), "a condition is judged on one pair or symbol"),
        (("stretched", "--last", "1h"), "there are no recorded points or bars of Y-X 1m in that time"),
        (("stretched", "--last", "soon"), "--last"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(quantd: Run, args: tuple[str, ...], told: str) -> None:
    done = quantd("alerts", "backtest", *args)
    assert done.returncode == 2
    assert told in done.stderr


def test_files_are_replayed_without_a_config(process: Run, files: list[str]) -> None:
    replays = [option for file in files for option in ("--replay", file)]
    done = process("alerts", "backtest", "abs(zscore) > 2", "--of", "AAA-BBB", *replays, "--json")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    assert found["basis"] == "replay"
    assert found["count"] > 3
    assert all(abs(each["extreme"]) > 2 for each in found["firings"])
