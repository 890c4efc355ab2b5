import json
from pathlib import Path

import pytest

from quantd.plugin.loader import load
from tests.unit.cli.conftest import Run

DROP_IN = '''
import quantd

class Fixed(quantd.Regression):
    """{doc}

    More of it."""
    beta: float = 1.0

    def fit(self, y, x):
        return None

@quantd.hookimpl
def register_regressions(register):
    register("steady", Fixed)
'''
BEGIN = "A long line " + "that goes on and on " * 20
END = "to its end."


@pytest.fixture
def drop_in(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "steady.py").write_text(DROP_IN.format(doc=f"{BEGIN}\n    {END} And more."))


def test_the_table_is_whole(quantd: Run, drop_in: None) -> None:
    lines = quantd("plugins").stdout.splitlines()
    assert lines[0].split() == ["kind", "name", "source", "what", "it", "is"]
    (steady,) = (line for line in lines if " steady " in line)
    assert steady.split(maxsplit=3) == ["regression", "steady", "plugins/steady.py", BEGIN + END]
    assert len([line for line in lines if not line.startswith(" ")]) == 2 + len(load().entries())


def test_each_setting_is_told(quantd: Run, drop_in: None) -> None:
    lines = quantd("plugins", "steady", "quantile", "local", "replay").stdout.splitlines()
    steady = lines[[" steady " in line for line in lines].index(True) :]
    assert steady[1].split("  ")[2].strip() == "beta: number = 1.0"
    assert " ".join(steady[2].split()) == "window: whole number >= 2, <= 100000 = 60 Bars in the regression."
    assert " ".join(steady[3].split()) == "prices: log|raw = raw Regress prices or their logarithms."
    told = [" ".join(line.split()) for line in lines]
    assert "tau: number > 0, < 1 = 0.5 Share of the bars below the line." in told
    assert any(each.startswith("files: list of text = [] Files to play") for each in told)
    assert any(each.startswith("lateness: duration in ms, s, m = 500ms How late") for each in told)
    assert any(each.startswith("keep: mapping of ticks, bars, points = {") for each in told)
    assert not any(" ols " in line for line in lines)


def test_a_name_that_no_plugin_has(quantd: Run) -> None:
    done = quantd("plugins", "kalmn")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "quantd: no plugin is named 'kalmn'; `quantd plugins` lists them (did you mean 'kalman'?)\n"


@pytest.mark.parametrize("text", ["log: loud\npairs: 3\n", "pairs: [\n", "- a\n", "plugins: {dirs: [plugins]}\nlog: 3\n"])
def test_a_broken_config_does_not_matter(quantd: Run, tmp_path: Path, drop_in: None, text: str) -> None:
    (tmp_path / "quantd.yaml").write_text(text)
    done = quantd("plugins")
    assert done.returncode == 0
    assert "plugins/steady.py" in done.stdout
    assert ("looking into ./plugins" in done.stderr) == text.endswith("[\n")


def test_the_plugins_section_matters(quantd: Run, tmp_path: Path, drop_in: None) -> None:
    (tmp_path / "quantd.yaml").write_text("plugins: {disable: [steady]}\n")
    assert "plugins/steady.py" not in quantd("plugins").stdout
    (tmp_path / "quantd.yaml").write_text("plugins: [steady]\n")
    done = quantd("plugins")
    assert (done.returncode, done.stderr) == (2, "quantd: quantd.yaml:1:10: plugins: expected a mapping of dirs, disable, found a list\n")
    assert quantd("plugins", "--config", "gone.yaml").returncode == 2


def test_faults_come_last(quantd: Run, tmp_path: Path, drop_in: None) -> None:
    (tmp_path / "plugins" / "broken.py").write_text("1 +\n")
    done = quantd("plugins")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].startswith("not loaded: plugins/broken.py: SyntaxError")


def test_json_has_the_settings(quantd: Run, tmp_path: Path, drop_in: None) -> None:
    (tmp_path / "plugins" / "broken.py").write_text("1 +\n")
    told = json.loads(quantd("plugins", "--json").stdout)
    (steady,) = (each for each in told["plugins"] if each["name"] == "steady")
    assert steady["doc"] == f"{BEGIN}\n{END} And more.\n\nMore of it."
    assert steady["settings"]["beta"] == {"type": "number", "default": 1.0}
    assert [fault["source"] for fault in told["faults"]] == ["plugins/broken.py"]
