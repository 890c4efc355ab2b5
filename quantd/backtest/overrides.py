"""Applies the options of `quantd replay` and `quantd backtest` to a pipeline, and makes the config of a replay from it."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from quantd.config.load import Loaded, as_node, build, plugins_of
from quantd.config.node import Node
from quantd.errors import QuantdError
from quantd.plugin.registry import Registry


class Overrides(Struct, frozen=True):
    """The values of the options; None means the pipeline's setting."""

    every: list[str] | None = None
    window: int | None = None
    regression: str | None = None
    prices: str | None = None
    spread: str | None = None
    zscore: str | None = None
    against: str | None = None
    beta: float | None = None
    alpha: float | None = None

    @property
    def fixed(self) -> dict[str, float]:
        """Return the settings of the fixed hedge; empty if it is not fixed."""
        return _given({"beta": self.beta, "alpha": self.alpha})


def installed_plugins() -> Registry:
    """Return the plugins for a command without a config: the installed ones and those of ./plugins."""
    return plugins_of(None, Path(), []).registry


def with_regression(overrides: Overrides, registry: Callable[[], Registry]) -> Overrides:
    """Return the overrides; if the hedge is fixed, with the regression that accepts it. Raises QuantdError if the named regression does not
    accept it."""
    if not overrides.fixed:
        return overrides
    names = registry().of_given_hedge()
    if not names:
        raise QuantdError("--beta, --alpha: no regression takes a hedge that is fixed")
    if overrides.regression not in (None, *names):
        raise QuantdError(
            f"--regression: {overrides.regression} finds a hedge of its own: leave out --beta and --alpha, or take {names[0]}"
        )
    if overrides.beta is None:
        raise QuantdError("--alpha: is that of a fixed hedge: add --beta")
    return msgspec.structs.replace(overrides, regression=overrides.regression or names[0])


def overridden(keys: Mapping[str, Any], overrides: Overrides) -> dict[str, Any]:
    """Return the keys of a pipeline with the options applied."""
    stage = _stage(keys.get("regression"))
    same = overrides.regression in (None, _name(stage))
    regression = regression_settings(stage, overrides, same=same) | _given({"use": overrides.regression})
    made = {**keys, "regression": regression} | ({"spread": overrides.spread} if overrides.spread else {})
    if overrides.window is not None or overrides.zscore or overrides.against:
        made["zscore"] = zscore_settings(_stage(keys["zscore"]) if "zscore" in keys else {}, overrides)
    if overrides.every:
        made["bars"] = _stage(keys.get("bars")) | {"every": overrides.every}
        for kind in ("jobs", "alerts"):
            made[kind] = [_stage(each) | {"every": overrides.every[0]} for each in _items(keys.get(kind))]
    return made


def regression_settings(settings: Mapping[str, Any], overrides: Overrides, *, same: bool) -> dict[str, Any]:
    """Return the settings of a regression with the options applied. If they name another regression than the pipeline's (`same` is False),
    only the settings that all regressions have are kept."""
    left = {name: value for name, value in settings.items() if same or name in ("window", "prices")}
    return left | _given({"window": overrides.window, "prices": overrides.prices}) | overrides.fixed


def zscore_settings(settings: Mapping[str, Any], overrides: Overrides) -> dict[str, Any]:
    """Return the settings of a z-score with the options applied. If an option gives a window, the z-score uses the window of the
    regression."""
    dropped = {"window": overrides.window is not None, "halflife": overrides.zscore not in (None, "ew")}
    left = {name: value for name, value in settings.items() if not dropped.get(name)}
    return left | _given({"method": overrides.zscore, "against": overrides.against})


def replay_config(
    files: list[str], pairs: list[str], pipeline: str, node: Node, keys: Mapping[str, Any], chunk: int, store: Path | None = None
) -> Loaded:
    """Return a config that runs these files through a pipeline with these keys, whatever feed it names; `node` is the source of the keys.
    Alerts go to the log alone, because past data must not notify anybody. Raises ConfigError."""
    raw: dict[str, Any] = {
        "pairs": [{each: pipeline} for each in pairs],
        "feeds": {"replay": {"files": files, "chunk": chunk}},
        "sinks": {"log": {}},
        "log": "warning",
    }
    if store:
        raw["store"] = {"use": "local", "dir": str(store.resolve())}
    keys = {**keys, "feed": "replay"}
    if "alerts" in keys:
        keys["alerts"] = [_stage(alert) | {"send": ["log"]} for alert in _items(keys["alerts"])]
    return build(raw, {pipeline: Node(as_node(keys).value, node.file, node.line, node.column, node.keys)}, os.environ)


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _stage(node: Any) -> dict[str, Any]:
    if isinstance(node, dict):
        return dict(node)
    return dict(node.value) if node is not None and isinstance(node.value, dict) else {"use": node}


def _name(regression: Mapping[str, Any]) -> Any:
    use = regression.get("use")
    return getattr(use, "value", use)


def _items(node: Any) -> list[Any]:
    if isinstance(node, list):
        return node
    return node.value if node is not None and isinstance(node.value, list) else []
