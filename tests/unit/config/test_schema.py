"""The JSON Schema speaks of every plugin and setting, and of nothing else."""

import json
from typing import Any

import pytest

from quantd.config.model import ConfigFile, PipelineFile
from quantd.config.schema import DIALECT, What, schema, settings
from quantd.config.shapes import fields
from quantd.plugin.loader import load as load_plugins

REGISTRY = load_plugins()
KEYS = {"config": fields(ConfigFile), "pipeline": fields(PipelineFile)}


@pytest.mark.parametrize("what", ["config", "pipeline"])
def test_it_knows_the_keys_of_the_file(what: What) -> None:
    made = schema(REGISTRY, what)
    assert made["$schema"] == DIALECT
    assert set(made["properties"]) == set(KEYS[what])
    assert made["additionalProperties"] is False
    json.dumps(made, allow_nan=False)


def uses(made: Any) -> set[str]:
    """The constants of `use`, wherever they are."""
    if isinstance(made, list):
        return set().union(*map(uses, made))
    if not isinstance(made, dict):
        return set()
    own = made.get("properties", {}).get("use", {}) if isinstance(made.get("properties"), dict) else {}
    return ({own["const"]} if "const" in own else set()) | uses(list(made.values()))


def test_it_knows_every_plugin() -> None:
    assert uses(schema(REGISTRY, "config")) | uses(schema(REGISTRY, "pipeline")) == {entry.name for entry in REGISTRY.entries()}
    assert "adf" not in uses(schema(REGISTRY, "config"))
    assert "retention" not in uses(schema(REGISTRY, "pipeline"))


def test_a_plugin_is_told_with_its_doc_and_settings() -> None:
    *methods, names = schema(REGISTRY, "pipeline")["properties"]["regression"]["anyOf"]
    ols = next(method for method in methods if method["title"] == "ols")
    assert (ols["title"], ols["required"], ols["additionalProperties"]) == ("ols", ["use"], False)
    assert names == {"enum": [name for name in REGISTRY.names("regression") if name != "fixed"]}, "fixed is nothing without its beta"
    assert ols["description"].startswith("Ordinary least squares")
    window = {"type": "integer", "minimum": 2, "maximum": 100000, "default": 60, "description": "Bars in the regression."}
    assert ols["properties"]["window"] == window


def test_the_keys_of_a_mapping_are_told() -> None:
    store = REGISTRY.get("store", "local")
    assert store
    assert set(settings(store.plugin)["keep"]["propertyNames"]["enum"]) == {"ticks", "bars", "points"}


def test_a_job_says_how_often() -> None:
    retention = schema(REGISTRY, "config")["properties"]["jobs"]["items"]["anyOf"]
    assert [each.get("required") for each in retention] == [["use", "every"]]


def test_the_settings_of_the_api_are_told() -> None:
    api = schema(REGISTRY, "config")["properties"]["api"]["properties"]
    assert set(api) >= {"listen", "hosts", "cors", "max_symbols", "auth", "trusted_proxies", "limits"}
    assert set(api["auth"]["properties"]) == {"mode", "loopback", "jwt"}
    hosts = api["hosts"]
    assert (hosts["type"], hosts["items"], hosts["default"]) == (["array", "null"], {"type": "string", "minLength": 1}, ())


def test_under_its_own_name_a_plugin_needs_no_use() -> None:
    feeds = schema(REGISTRY, "config")["properties"]["feeds"]
    assert feeds["properties"]["synthetic"]["anyOf"][0]["required"] == []
    assert all(each.get("required", ["use"]) == ["use"] for each in feeds["additionalProperties"]["anyOf"])
