"""What Prometheus may read."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LAGS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
Rows = Iterable[tuple[tuple[str, ...], float]]


class Metrics(Collector):
    """A registry of its own for each daemon. Counts are read from where they are kept when somebody asks."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._sources: list[Callable[[], Iterable[Metric]]] = []
        self.tick_lag = Histogram("quantd_tick_lag_seconds", "Trade to receipt", registry=self._registry, buckets=_LAGS_S)
        self.publish_lag = Histogram("quantd_publish_lag_seconds", "Receipt to publication", registry=self._registry, buckets=_LAGS_S)
        self.loop_lag = Histogram("quantd_loop_lag_seconds", "Delay of the event loop", registry=self._registry, buckets=_LAGS_S)
        self._registry.register(self)

    def add(
        self,
        kind: type[CounterMetricFamily] | type[GaugeMetricFamily],
        name: str,
        help_text: str,
        labels: tuple[str, ...],
        rows: Callable[[], Rows],
    ) -> None:
        """Serve what `rows` tells at each scrape: label values and a number."""

        def source() -> Iterable[Metric]:
            family = kind(name, help_text, labels=labels)
            for values, number in rows():
                family.add_metric(values, number)
            return [family]

        self._sources.append(source)

    def collect(self) -> Iterable[Metric]:
        for source in self._sources:
            yield from source()

    def render(self) -> tuple[bytes, str]:
        """The exposition text and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE
