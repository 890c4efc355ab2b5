"""The metrics that Prometheus reads."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LAGS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
Rows = Iterable[tuple[tuple[str, ...], float]]


class Lags(Collector):
    """A histogram of seconds without the locks of prometheus_client, since one thread observes it thousands of times a second."""

    def __init__(self, name: str, help_text: str, registry: CollectorRegistry) -> None:
        self._name = name
        self._help = help_text
        self._counts = [0] * (len(LAGS_S) + 1)
        self._sum = 0.0
        registry.register(self)

    def observe(self, seconds: float) -> None:
        """Count one observation, in seconds."""
        self._counts[bisect_left(LAGS_S, seconds)] += 1
        self._sum += seconds

    def collect(self) -> Iterable[Metric]:
        bounds = [*map(str, LAGS_S), "+Inf"]
        yield HistogramMetricFamily(self._name, self._help, list(zip(bounds, accumulate(self._counts), strict=True)), self._sum)


class Metrics(Collector):
    """The metric registry of one daemon. Counts are read from their owners at each scrape."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._sources: list[Callable[[], Iterable[Metric]]] = []
        self.tick_lag = Lags("quantd_tick_lag_seconds", "Trade to receipt", self._registry)
        self.publish_lag = Lags("quantd_publish_lag_seconds", "Receipt to publication", self._registry)
        self.loop_lag = Lags("quantd_loop_lag_seconds", "Delay of the event loop", self._registry)
        self._registry.register(self)

    def add(
        self,
        kind: type[CounterMetricFamily] | type[GaugeMetricFamily],
        name: str,
        help_text: str,
        labels: tuple[str, ...],
        rows: Callable[[], Rows],
    ) -> None:
        """Serve what `rows` returns at each scrape: label values and a number."""

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
        """Return the exposition text and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE
