"""Connects the counters of the flow to the metrics that Prometheus reads."""

from collections.abc import Callable, Sequence

from prometheus_client.core import CounterMetricFamily as Counter
from prometheus_client.core import GaugeMetricFamily as Gauge

from quantd.clock import Clock
from quantd.flow.alerts.sender import Counts
from quantd.flow.symbol import SymbolStage
from quantd.metrics import Metrics, Rows
from quantd.model import Tick
from quantd.plugin.feed_health import ConnectionHealth, FeedHealth
from quantd.plugin.guard import Health
from quantd.pool import Line, Pool
from quantd.runtime.runtime import Runtime


def register_metrics(runtime: Runtime, metrics: Metrics, clock: Clock) -> None:
    """Serve the counters of this runtime. Observe the lags of its ticks, in each batch those of the oldest tick."""

    def observe(ticks: Sequence[Tick]) -> None:
        oldest = ticks[0]
        metrics.tick_lag.observe(max(0, oldest.recv - oldest.ts) / 1000)
        metrics.publish_lag.observe(max(0, clock.now() - oldest.recv) / 1000)

    runtime.outputs.hub.listen("ticks", observe)
    _register_symbols(runtime, metrics)
    _register_pairs(runtime, metrics)
    _register_plugins(runtime, metrics)
    metrics.add(
        Gauge, "quantd_feed_live", "1 while the feed is live", ("feed",), lambda: [((f.name,), f.state == "live") for f in runtime.flows]
    )
    ahead = "How far the venue's clock is ahead of this host's"
    metrics.add(Gauge, "quantd_feed_clock_offset_seconds", ahead, ("feed",), lambda: _offsets(runtime))
    refused = "Trades whose time cannot be true"
    metrics.add(Counter, "quantd_feed_ticks_refused", refused, ("feed",), lambda: [((flow.name,), flow.refused) for flow in runtime.flows])
    _register_connections(runtime, metrics)
    supervisor = runtime.outputs.supervisor
    started = "Times that a background task failed and was started again"
    metrics.add(Counter, "quantd_task_restarts", started, ("task",), lambda: [((name,), n) for name, n in supervisor.restarts.items()])
    troubles, wrong = runtime.outputs.troubles, "1 for each thing that is wrong at present"
    metrics.add(Gauge, "quantd_trouble", wrong, ("what", "name"), lambda: [((t.what, t.name), 1) for t in troubles.present()])
    recorder = runtime.outputs.recorder
    metrics.add(
        Counter, "quantd_rows_unrecorded", "Rows that the store did not take", (), lambda: [((), recorder.dropped)] if recorder else []
    )
    anew = "Recorded points of an older definition that were rebuilt"
    metrics.add(Counter, "quantd_points_made_anew", anew, (), lambda: [((), runtime.outputs.points_rebuilt)])
    looked_at = "Now-casts made for rules and listeners"
    metrics.add(Counter, "quantd_nowcasts", looked_at, (), lambda: [((), runtime.outputs.nowcasts_made)])
    hub = runtime.outputs.hub
    deaf = "Calls that failed of what listens to a topic of the flow, as the API does"
    metrics.add(Counter, "quantd_listener_faults", deaf, ("topic",), lambda: [((topic,), count) for topic, count in hub.faults.items()])
    _register_sinks(runtime, metrics)


def register_pool_metrics(pool: Pool, metrics: Metrics) -> None:
    """Serve the state of the pool that computes answers, by the line that questions wait in."""

    def each(value: Callable[[Line], float]) -> Callable[[], Rows]:
        return lambda: [((line.name,), value(line)) for line in pool.lines]

    labels = ("line",)
    metrics.add(Gauge, "quantd_questions_waiting", "Questions that wait to be computed", labels, each(lambda line: line.waiting))
    metrics.add(Gauge, "quantd_questions_running", "Questions that are computed", labels, each(lambda line: line.running))
    metrics.add(Counter, "quantd_questions_refused", "Questions answered with 503", labels, each(lambda line: line.count.refused))
    metrics.add(Counter, "quantd_questions_dropped", "Questions whose askers had gone", labels, each(lambda line: line.count.dropped))
    metrics.add(Counter, "quantd_questions_seconds", "Time spent on questions", labels, each(lambda line: line.count.seconds))
    metrics.add(Gauge, "quantd_workers", "Processes that compute answers", (), lambda: [((), len(pool.workers.processes))])
    metrics.add(Counter, "quantd_workers_lost", "Those that ended by themselves", (), lambda: [((), pool.workers.lost)])


def _register_sinks(runtime: Runtime, metrics: Metrics) -> None:
    outbox = runtime.outputs.outbox

    def each(value: Callable[[Counts], float]) -> Callable[[], Rows]:
        return lambda: [((name,), value(counts)) for name, counts in outbox.counts().items()]

    labels = ("sink",)
    waiting = "Messages that wait for the sink"
    metrics.add(Gauge, "quantd_alerts_waiting", waiting, labels, lambda: [((name,), count) for name, count in outbox.waiting().items()])
    metrics.add(Counter, "quantd_alerts_sent", "Messages that the sink has taken", labels, each(lambda counts: counts.sent))
    metrics.add(Counter, "quantd_alerts_retried", "Failed tries that were followed by another", labels, each(lambda counts: counts.retried))
    metrics.add(Counter, "quantd_alerts_dead", "Messages that are not tried any more", labels, each(lambda counts: counts.dead))


def _offsets(runtime: Runtime) -> Rows:
    """Return the clock offsets (s) of the feeds whose offset is known."""
    return [((flow.name,), offset / 1000) for flow in runtime.flows if (offset := flow.clock.offset) is not None]


def _register_connections(runtime: Runtime, metrics: Metrics) -> None:
    def each(value: Callable[[FeedHealth], float]) -> Callable[[], Rows]:
        return lambda: [((flow.name,), value(flow.health())) for flow in runtime.flows]

    def total(value: Callable[[ConnectionHealth], float]) -> Callable[[], Rows]:
        return each(lambda health: sum(map(value, health.connections)))

    labels = ("feed",)
    up = total(lambda connection: connection.state in ("up", "handing over"))
    metrics.add(Gauge, "quantd_feed_connections", "Connections that are up", labels, up)
    metrics.add(Counter, "quantd_feed_reconnects", "Connections that were lost", labels, total(lambda connection: connection.reconnects))
    metrics.add(Counter, "quantd_feed_handovers", "Connections taken over from", labels, total(lambda connection: connection.handovers))
    silent = total(lambda connection: len(connection.silent))
    metrics.add(Gauge, "quantd_feed_streams_silent", "Streams that bring nothing though there is trade", labels, silent)
    metrics.add(
        Counter, "quantd_feed_frames_skipped", "Frames that could not be read", labels, total(lambda connection: connection.skipped)
    )
    metrics.add(
        Gauge, "quantd_feed_banned", "1 while the venue wants nothing", labels, each(lambda health: health.banned_until is not None)
    )
    metrics.add(Counter, "quantd_book_resyncs", "Order books that were begun anew", labels, each(lambda health: health.resyncs))
    metrics.add(Counter, "quantd_frames_unrecorded", "Frames not recorded", labels, each(lambda health: health.unrecorded))


def _register_symbols(runtime: Runtime, metrics: Metrics) -> None:
    def each(value: Callable[[SymbolStage], float]) -> Callable[[], Rows]:
        return lambda: [((stage.symbol,), value(stage)) for flow in runtime.flows for stage in flow.stages]

    labels = ("symbol",)
    metrics.add(Counter, "quantd_ticks", "Trades accepted", labels, each(lambda stage: stage.intake.accepted))
    metrics.add(Counter, "quantd_ticks_refused", "Events that were no trade", labels, each(lambda stage: stage.intake.refused))
    metrics.add(
        Counter, "quantd_ticks_duplicate", "Trades that had come before", labels, each(lambda stage: stage.intake.ledger.duplicates)
    )
    metrics.add(Counter, "quantd_ticks_late", "Trades too late for any bar", labels, each(lambda stage: stage.lost))
    late = each(lambda stage: sum(events.lost for events in stage.events))
    metrics.add(Counter, "quantd_event_bar_ticks_late", "Trades in no bar that ends with an event, for theirs had closed", labels, late)
    waiting = each(lambda stage: stage.in_order.waiting)
    metrics.add(Gauge, "quantd_event_bar_ticks_waiting", "Trades that wait for earlier ones to end bars in order", labels, waiting)
    metrics.add(Counter, "quantd_bars", "Bars closed", labels, each(lambda stage: stage.bars_made))
    metrics.add(Gauge, "quantd_ids_missing", "Trade ids that are missing", labels, each(lambda stage: stage.intake.ledger.missing))
    metrics.add(Gauge, "quantd_gaps_open", "Open gaps", labels, each(lambda stage: len(stage.intake.gaps.open)))
    metrics.add(Counter, "quantd_ids_repaired", "Missing trades that came after all", labels, each(lambda stage: stage.intake.repaired))
    metrics.add(Gauge, "quantd_ids_lost", "Missing trades that nobody has", labels, each(lambda stage: stage.intake.ledger.lost))


def _register_pairs(runtime: Runtime, metrics: Metrics) -> None:
    def clipped() -> Rows:
        return [
            ((series.spec.pair, series.spec.every), series.counts.clipped)
            for flow in runtime.flows
            for pair in flow.pairs
            for series in pair.series
        ]

    metrics.add(Counter, "quantd_points_clipped", "Points whose bar the regression held for an outlier", ("pair", "every"), clipped)


def _register_plugins(runtime: Runtime, metrics: Metrics) -> None:
    def each(value: Callable[[Health], float]) -> Callable[[], Rows]:
        return lambda: [((health.kind, health.name), value(health)) for health in runtime.guards.health()]

    labels = ("kind", "name")
    metrics.add(Counter, "quantd_plugin_calls", "Calls made to a plugin", labels, each(lambda health: health.calls))
    metrics.add(Counter, "quantd_plugin_faults", "Calls that failed", labels, each(lambda health: health.faults))
    metrics.add(Counter, "quantd_plugin_seconds", "Time spent in calls that succeeded", labels, each(lambda health: health.seconds))
    metrics.add(
        Gauge, "quantd_plugin_quarantined", "1 while a plugin is left alone", labels, each(lambda health: health.state == "quarantined")
    )
    reported = "What plugins report of themselves"
    metrics.add(Gauge, "quantd_plugin_metric", reported, (*labels, "metric"), lambda: runtime.guards.reported())
