"""What Prometheus reads: of lags, and of rows that the store did not take."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from quantd.clock import EventClock
from quantd.config import load
from quantd.metrics import LAGS_S, Lags, Metrics
from quantd.runtime.build import build
from quantd.runtime.metrics import register_metrics


@given(st.lists(st.sampled_from(LAGS_S) | st.floats(0, 20)))
def test_lags_read_as_a_histogram_of_the_client_library(seconds: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    lags, histogram = Lags("lag_seconds", "How late", ours), Histogram("lag_seconds", "How late", registry=theirs, buckets=LAGS_S)
    for each in seconds:
        lags.observe(each)
        histogram.observe(each)
    assert generate_latest(ours).splitlines() == [line for line in generate_latest(theirs).splitlines() if b"_created" not in line]


def test_rows_that_the_store_did_not_take_are_counted(tmp_path: Path) -> None:
    settings = {
        "pairs": ["BTCUSDT-ETHUSDT"],
        "feeds": {"binance-futures": {}},
        "sinks": {"log": {}},
        "store": {"use": "local", "dir": str(tmp_path)},
    }
    loaded = load.build(settings, {}, {})
    metrics, clock = Metrics(), EventClock()
    runtime = build(loaded.config, loaded.registry, clock, tmp_path)
    register_metrics(runtime, metrics, clock)
    assert runtime.outputs.recorder is not None
    runtime.outputs.recorder.dropped += 7
    assert b"\nquantd_rows_unrecorded_total 7.0\n" in metrics.render()[0]


def test_no_two_samples_have_the_same_name_and_labels(tmp_path: Path) -> None:
    """Symbols that several pipelines share would have each series twice if each pipeline had a stage of its own."""
    pipeline = {"feed": "synthetic", "bars": {"use": "time", "every": ["1s"]}, "regression": "ols"}
    other = pipeline | {"bars": {"use": "time", "every": ["1m"]}, "event_bars": ["tick"]}
    loaded = load.build(
        {"pairs": [{"A-B": "one"}, {"C-B": "other"}, {"A-C": "other"}], "feeds": {"synthetic": {}}}, {"one": pipeline, "other": other}, {}
    )
    metrics, clock = Metrics(), EventClock()
    register_metrics(build(loaded.config, loaded.registry, clock, tmp_path), metrics, clock)
    families = text_string_to_metric_families(metrics.render()[0].decode())
    samples = [(sample.name, *sorted(sample.labels.items())) for family in families for sample in family.samples]
    assert ("quantd_ticks_total", ("symbol", "B")) in samples
    assert len(samples) == len(set(samples))


def test_faults_of_listeners_are_counted_by_topic(tmp_path: Path) -> None:
    loaded = load.build({"pairs": ["BTCUSDT-ETHUSDT"], "feeds": {"binance-futures": {}}, "sinks": {"log": {}}}, {}, {})
    metrics, clock = Metrics(), EventClock()
    runtime = build(loaded.config, loaded.registry, clock, tmp_path)
    register_metrics(runtime, metrics, clock)
    runtime.outputs.hub.listen("gaps", lambda gaps: gaps[9])
    runtime.outputs.hub.publish("gaps", [1])
    assert b'\nquantd_listener_faults_total{topic="gaps"} 1.0\n' in metrics.render()[0]


def test_points_that_were_clipped_are_counted_by_pair_and_timeframe(tmp_path: Path) -> None:
    loaded = load.build({"pairs": ["BTCUSDT-ETHUSDT"], "feeds": {"binance-futures": {}}, "sinks": {"log": {}}}, {}, {})
    metrics, clock = Metrics(), EventClock()
    runtime = build(loaded.config, loaded.registry, clock, tmp_path)
    register_metrics(runtime, metrics, clock)
    first = runtime.flows[0].pairs[0].series[0]
    first.counts.clipped += 3
    line = f'quantd_points_clipped_total{{every="{first.spec.every}",pair="BTCUSDT-ETHUSDT"}} 3.0'
    other = f'quantd_points_clipped_total{{pair="BTCUSDT-ETHUSDT",every="{first.spec.every}"}} 3.0'
    assert {line, other} & set(metrics.render()[0].decode().splitlines())
