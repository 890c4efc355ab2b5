"""The code of plugins/README.md works as it stands there."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

import quantd
from quantd.plugin import hookspecs
from quantd.plugin.loader import load
from quantd.plugin.registry import Registry
from quantd.testing import fakes
from tests.waiting import PATIENCE_S

README = Path(__file__).parents[2] / "plugins" / "README.md"
BLOCKS = {match[1]: match[0] for match in re.finditer(r"(?<=\n)# (\S+)\n.*?(?=^```$)", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Every block of the README in the file that its first line names, and the package as pip would install it."""
    for name, text in BLOCKS.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    package = tomllib.loads(BLOCKS["pyproject.toml"])["project"]
    info = tmp_path / f"quantd_journal-{package['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package['name']}\nVersion: {package['version']}\n")
    points = "".join(f"{name} = {module}\n" for name, module in package["entry-points"]["quantd"].items())
    (info / "entry_points.txt").write_text(f"[quantd]\n{points}")
    return tmp_path


def in_project(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python where the package is installed and `plugins` is at hand."""
    path = [str(project), *filter(None, sys.path)]
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        env={"PYTHONPATH": ":".join(path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def plugin(registry: Registry, kind: str, settings: dict[str, Any]) -> Any:
    """What the config makes of `use: name` and its siblings."""
    return msgspec.convert({key: value for key, value in settings.items() if key != "use"}, registry.get(kind, settings["use"]).plugin)


def test_every_block_names_its_file() -> None:
    assert len(BLOCKS) == README.read_text("utf-8").count("\n```") / 2 == 8


@pytest.mark.parametrize(("names", "most"), [(["plugins/ratio.py"], 15), (["pyproject.toml", "quantd_journal.py"], 30)])
def test_it_takes_as_few_lines_as_promised(names: list[str], most: int) -> None:
    lines = [line for name in names for line in BLOCKS[name].splitlines() if line and not line.startswith("# ")]
    assert len(lines) <= most


def test_the_drop_in_is_what_the_pipeline_names(project: Path) -> None:
    registry = load([project / "plugins"])
    pipeline = yaml.safe_load(BLOCKS["pipelines/ratio.yaml"])
    ratio = plugin(registry, "regression", pipeline["regression"])
    y, x = fakes.legs(ratio.window, alpha=0.0, beta=2.0, noise=0.0)
    assert (ratio.window, ratio.quantile) == (120, 0.4)
    assert ratio.fit(y, x).beta == pytest.approx(2.0)


def test_the_package_is_found_and_delivers(project: Path) -> None:
    sink = yaml.safe_load(BLOCKS["quantd.yaml"])["sinks"]["book"]
    done = in_project(project, "-c", DELIVER, json.dumps(sink))
    assert done.stdout == "quantd_journal (quantd-journal 1.0)\n", done.stderr
    assert msgspec.json.decode((project / sink["path"]).read_bytes(), type=quantd.Alert) == fakes.alert()


DELIVER = """
import asyncio, json, sys
from quantd.plugin.loader import load
from quantd.testing import fakes

settings = json.loads(sys.argv[1])
entry = load().get("sink", settings.pop("use"))
print(entry.source)
asyncio.run(entry.plugin(**settings).send(fakes.alert()))
"""


def test_both_pass_the_checks_as_shown(project: Path) -> None:
    done = in_project(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_plugins.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 10


def test_the_flow_of_a_pair_is_tested_as_shown(project: Path) -> None:
    done = in_project(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_flow.py")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_table_names_every_hook_and_base_class() -> None:
    text = README.read_text("utf-8")
    named = set(re.findall(r"^\| `(register_\w+)` \| `quantd\.(\w+)`", text, re.MULTILINE))
    assert {hook for hook, _ in named} == {name for name in vars(hookspecs) if name.startswith("register_")}
    assert all(issubclass(getattr(quantd, base), msgspec.Struct) for _, base in named)
