"""What Prometheus reads of lags."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from quantd.metrics import LAGS_S, Lags


@given(st.lists(st.sampled_from(LAGS_S) | st.floats(0, 20)))
def test_lags_read_as_a_histogram_of_the_client_library(seconds: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    lags, histogram = Lags("lag_seconds", "How late", ours), Histogram("lag_seconds", "How late", registry=theirs, buckets=LAGS_S)
    for each in seconds:
        lags.observe(each)
        histogram.observe(each)
    assert generate_latest(ours).splitlines() == [line for line in generate_latest(theirs).splitlines() if b"_created" not in line]
