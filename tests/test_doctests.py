"""Every `>>>` example in a docstring is run."""

import doctest
from importlib import import_module
from pkgutil import walk_packages

import pytest

import quantd
import quantd_plugins

MODULES = sorted(
    module.name
    for package in (quantd, quantd_plugins)
    for module in walk_packages(package.__path__, f"{package.__name__}.")
    if not module.name.endswith("__main__")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    failed, _ = doctest.testmod(import_module(name))
    assert not failed, "see the captured output"


def test_some_examples_are_found() -> None:
    assert sum(doctest.testmod(import_module(name)).attempted for name in MODULES) > 10
