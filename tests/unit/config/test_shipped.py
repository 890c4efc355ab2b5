"""The files that come with quantd are there and right."""

import shutil
from pathlib import Path

import pytest

from quantd.config.load import load
from quantd.config.shipped import shipped
from quantd.errors import QuantdError
from tests.conftest import ROOT


@pytest.mark.parametrize("name", ["quantd.yaml", "pipelines/default.yaml", "pipelines/replay.yaml"])
def test_a_checkout_has_them(name: str) -> None:
    assert shipped(name) == ROOT / name


@pytest.mark.parametrize("name", ["nothing.yaml", "pipelines", "", "x" * 5000, "a\0b"])
def test_what_is_not_shipped(name: str) -> None:
    with pytest.raises(QuantdError, match="install quantd again"):
        shipped(name)


def test_all_of_them_are_right() -> None:
    assert load(ROOT / "quantd.yaml", {}, all_pipelines=True).config.pairs


@pytest.mark.parametrize("path", sorted((ROOT / "pipelines").glob("*.yaml")), ids=lambda path: path.stem)
def test_each_pipeline_works_by_itself(path: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "quantd.yaml", tmp_path)
    (tmp_path / "pipelines").mkdir()
    shutil.copy(path, tmp_path / "pipelines")
    assert load(tmp_path / "quantd.yaml", {}, all_pipelines=True)
