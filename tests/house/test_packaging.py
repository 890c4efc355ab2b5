"""What is shipped: entry points, shared files, pinned dependencies."""

import re
import shutil
import subprocess
import tomllib
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

import pluggy
import pytest

from quantd.plugin import hookspecs
from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ENTRY_POINTS: dict[str, str] = PROJECT["project"]["entry-points"]["quantd"]
SHARED: dict[str, str] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
REGISTRIES = re.compile(r"\b(?:pypi|pythonhosted|npmjs)\.(?:org|com)\b|\bindex-url\b")


def tracked() -> list[Path]:
    """Files that are in git, or would be."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("no git repository")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def registered_by(module: str) -> set[str]:
    """The names that a plugin module registers, of whatever kind."""
    names: set[str] = set()
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(import_module(module))
    for hook in ("feeds", "resamplers", "event_bars", "regressions", "jobs", "sinks", "exporters", "stores"):
        getattr(manager.hook, f"register_{hook}")(register=lambda name, plugin: names.add(name))
    return names


def test_every_bundled_plugin_has_one_entry_point() -> None:
    sources = (ROOT / "plugins").rglob("*.py")
    modules = [path.relative_to(ROOT / "plugins").with_suffix("") for path in sources if "@quantd.hookimpl" in path.read_text()]
    assert sorted(".".join(module.parts) for module in modules) == sorted(ENTRY_POINTS.values())


@pytest.mark.parametrize(("name", "module"), ENTRY_POINTS.items())
def test_an_entry_point_is_called_what_yaml_calls_its_plugin(name: str, module: str) -> None:
    assert registered_by(module) == {name}


def test_what_is_installed_is_what_the_project_says() -> None:
    installed = {point.name: point.value for point in entry_points(group="quantd") if point.value.startswith("quantd_plugins.")}
    assert installed == ENTRY_POINTS, "stale: run make again"


@pytest.mark.parametrize("source", SHARED)
def test_shared_files_are_there(source: str) -> None:
    path = ROOT / source
    assert path.is_file() or any(path.iterdir())


def test_every_dependency_is_pinned() -> None:
    pinned = {line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    project = PROJECT["project"]
    wanted = [*project["dependencies"], *(need for extra in project["optional-dependencies"].values() for need in extra)]
    names = {re.split(r"[^\w-]", need)[0].lower() for need in wanted}
    assert names - pinned == set()


def test_no_file_names_a_registry() -> None:
    found = [str(path.relative_to(ROOT)) for path in tracked() if REGISTRIES.search(path.read_text(errors="replace"))]
    assert found == []


@pytest.mark.parametrize("text", ["https:" + "//py" + "pi.org/simple", "files.pythonhosted" + ".org", "--extra-index" + "-url x"])
def test_registries_are_noticed(text: str) -> None:
    assert REGISTRIES.search(text)


def test_tests_are_packages() -> None:
    """So that two files may have one name."""
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []
