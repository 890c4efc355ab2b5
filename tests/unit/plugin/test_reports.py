"""A plugin logs and reports under its own name, whichever of its instances speaks."""

import logging
from pathlib import Path

import msgspec
import pytest

import quantd
from quantd.clock import EventClock
from quantd.config.load import build as load
from quantd.metrics import Metrics
from quantd.plugin.registry import Registry
from quantd.plugin.reports import MOST, reports_of
from quantd.runtime.build import build
from quantd.runtime.metrics import register_metrics

DROP_IN = """
import quantd

class Chatty(quantd.PairJob):
    metrics = ("mood",)

    def run(self, view):
        self.log.warning("%s is up", view.pair)
        self.report("mood", 7)
        self.report_count("runs")
        return {"mood": 7.0}

@quantd.hookimpl
def register_jobs(register):
    register("chatty", Chatty)
"""


class Calm(quantd.DaemonJob):
    level: int = 1

    def run(self, view: quantd.DaemonView) -> dict[str, float | None]:
        return {}


@pytest.fixture
def calm() -> Calm:
    class Fresh(Calm):
        pass

    Registry().add("job", "calm", Fresh, "here")
    return Fresh()


def test_a_drop_in_speaks_under_its_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "chatty.py").write_text(DROP_IN)
    raw = {"pairs": ["A-B", "C-D"], "feeds": {"synthetic": {}}, "plugins": {"dirs": [str(tmp_path)]}}
    pipeline = {"feed": "synthetic", "bars": {"use": "time", "every": ["1s"]}, "regression": "ols", "jobs": ["chatty"]}
    loaded = load(raw, {"default": pipeline}, {})
    runtime, metrics, clock = build(loaded.config, loaded.registry, EventClock(), tmp_path), Metrics(), EventClock()
    register_metrics(runtime, metrics, clock)
    job = loaded.config.pipelines["default"].jobs[0].job
    for pair in ("A-B", "C-D"):
        msgspec.structs.replace(job).run(quantd.PairView(pair, "1s", 0, 60, {}))
    assert [(record.name, record.getMessage()) for record in caplog.records] == [
        ("quantd.plugin.job.chatty", "A-B is up"),
        ("quantd.plugin.job.chatty", "C-D is up"),
    ]
    told = metrics.render()[0].decode()
    assert 'quantd_plugin_metric{kind="job",metric="mood",name="chatty"} 7.0\n' in told
    assert 'quantd_plugin_metric{kind="job",metric="runs",name="chatty"} 2.0\n' in told


def test_instances_share_what_is_reported(calm: Calm) -> None:
    calm.report("queue", 3)
    msgspec.structs.replace(calm, level=2).report("queue", 4)
    calm.report_count("retries")
    calm.report_count("retries", 2)
    assert reports_of(type(calm)).numbers() == {"queue": 4.0, "retries": 3.0}


def test_another_registry_changes_nothing(calm: Calm) -> None:
    calm.report("queue", 3)
    Registry().add("job", "calm", type(calm), "there")
    assert reports_of(type(calm)).numbers() == {"queue": 3.0}
    assert calm.log is logging.getLogger("quantd.plugin.job.calm")


def test_one_that_is_not_registered_has_the_name_of_its_class() -> None:
    class Alone(Calm):
        pass

    assert Alone().log.name.startswith("quantd.plugin.unregistered.")
    assert reports_of(Alone) is not reports_of(Calm)


@pytest.mark.parametrize(
    ("metric", "number", "text"),
    [("a b", 1.0, "is no name"), ("", 1.0, "is no name"), ("a", float("nan"), "finite number"), ("a", float("inf"), "finite number")],
)
def test_what_is_no_metric_is_refused(calm: Calm, metric: str, number: float, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        calm.report(metric, number)
    with pytest.raises(ValueError, match=text):
        calm.report_count(metric, number)
    assert reports_of(type(calm)).numbers() == {}


def test_no_plugin_reports_without_end(calm: Calm) -> None:
    for number in range(MOST):
        calm.report(f"of_{number}", number)
    with pytest.raises(ValueError, match="one too many"):
        calm.report("more", 1)
    calm.report("of_0", 5)
    assert reports_of(type(calm)).numbers()["of_0"] == 5.0


def test_a_setting_may_not_hide_them() -> None:
    class Hiding(Calm):
        log: str = ""  # type: ignore[assignment]

    with pytest.raises(ValueError, match="its field 'log' hides what quantd calls by that name: rename it"):
        Registry().add("job", "hiding", Hiding, "here")
