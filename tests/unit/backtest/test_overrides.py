"""Options of `quantd replay` and `quantd backtest` over a pipeline's keys."""

from pathlib import Path

import pytest

from quantd.backtest.overrides import Overrides, installed_plugins, overridden, replay_config, with_regression
from quantd.config.node import Node
from quantd.errors import QuantdError

KEYS = {
    "feed": "binance-futures",
    "bars": {"use": "time", "every": ["1s", "1m"]},
    "regression": {"use": "kalman", "window": 90, "prices": "log", "delta": 1e-5},
    "zscore": {"window": 30, "method": "ew", "halflife": 20},
    "jobs": [{"use": "adf", "every": "1m"}],
    "alerts": [{"name": "stretched", "when": "abs(zscore) > 2", "every": "1m", "send": ["mail"]}],
}


def test_without_options_a_pipeline_stays_as_it_is() -> None:
    assert overridden(KEYS, Overrides()) == KEYS


def test_another_regression_takes_over_the_window_and_the_prices_alone() -> None:
    made = overridden(KEYS, Overrides(regression="ols", window=20))
    assert made["regression"] == {"use": "ols", "window": 20, "prices": "log"}
    assert made["zscore"] == {"method": "ew", "halflife": 20}, "its window is that of the regression"


def test_a_timeframe_is_that_of_bars_jobs_and_alerts() -> None:
    made = overridden(KEYS, Overrides(every=["5m", "1h"]))
    assert made["bars"] == {"use": "time", "every": ["5m", "1h"]}
    assert {each["every"] for kind in ("jobs", "alerts") for each in made[kind]} == {"5m"}


def test_a_fixed_hedge_names_its_regression() -> None:
    assert with_regression(Overrides(beta=0.5), installed_plugins).regression == "fixed"
    for wrong in (Overrides(alpha=1.0), Overrides(beta=0.5, regression="ols")):
        with pytest.raises(QuantdError, match=r"--alpha: is that of|--regression: ols finds a hedge of its own"):
            with_regression(wrong, installed_plugins)


def test_a_replay_calls_nobody(tmp_path: Path) -> None:
    keys = {**KEYS, "regression": "ols", "zscore": {}, "jobs": []}
    loaded = replay_config(["gone.csv"], ["A-B"], "mine", Node(keys, "mine.yaml", 1, 1, {}), keys, 1000, tmp_path)
    assert [alert.send for alert in loaded.config.pipelines["mine"].alerts] == [("log",)]
    assert list(loaded.config.sinks) == ["log"]
    assert list(loaded.config.feeds) == ["replay"]
