from pathlib import Path
from typing import Any

import pytest

from quantd.plugin.loader import load
from tests.unit.cli.conftest import Run

FILES = [*(f"pipelines/{name}.yaml" for name in ("default", "kalman", "replay", "robust")), "plugins/shrunk.py", "quantd.yaml"]


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


@pytest.mark.parametrize("where", [(), ("new/home",)])
def test_what_it_writes_works(quantd: Run, tmp_path: Path, where: tuple[str, ...]) -> None:
    done = quantd("init", *where)
    folder = tmp_path.joinpath(*where)
    assert done.returncode == 0
    assert files(folder) == FILES
    assert "quantd check" in done.stdout
    assert quantd("check", "--config", str(folder / "quantd.yaml")).returncode == 0


def test_the_example_plugin_is_listed_and_fits(quantd: Run, tmp_path: Path) -> None:
    quantd("init")
    assert any(line.split()[:3] == ["regression", "shrunk", "plugins/shrunk.py"] for line in quantd("plugins").stdout.splitlines())
    entry = load([tmp_path / "plugins"]).get("regression", "shrunk")
    assert entry
    import numpy as np

    shrunk: Any = entry.plugin(penalty=1.0)
    x = np.array([1.0, 2.0])
    assert shrunk.fit(2 * x, x).beta == pytest.approx(10 / 6)
    plain: Any = entry.plugin(penalty=0.0)
    assert plain.fit(x, 0 * x) is None


@pytest.mark.parametrize("there", FILES)
def test_nothing_is_overwritten(quantd: Run, tmp_path: Path, there: str) -> None:
    path = tmp_path / there
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    done = quantd("init")
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, f"{there} is there already")
    assert files(tmp_path) == [there]
    assert path.read_text() == "mine"


def test_nothing_is_half_written(quantd: Run, tmp_path: Path) -> None:
    (tmp_path / "plugins").write_text("a file where the folder would be")
    done = quantd("init")
    assert (done.returncode, done.stderr) == (1, "cannot write plugins: File exists; nothing was written\n")
    assert files(tmp_path) == ["plugins"]


@pytest.mark.parametrize("name", ["kalman", "robust"])
def test_the_pipelines_that_it_writes_can_be_named(quantd: Run, tmp_path: Path, name: str) -> None:
    quantd("init")
    config = tmp_path / "quantd.yaml"
    config.write_text(config.read_text().replace("- BTCUSDT-ETHUSDT ", f"- BTCUSDT-ETHUSDT: {name} "))
    done = quantd("check")
    assert (done.returncode, f"BTCUSDT-ETHUSDT ({name})" in done.stdout) == (0, True)
