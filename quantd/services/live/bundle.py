"""Builds the services of a runtime."""

from collections.abc import Sequence

from quantd.clock import Clock
from quantd.config.model import Config
from quantd.history.live_bars import LiveBars
from quantd.plugin.registry import Registry
from quantd.pool import Pool
from quantd.runtime.runtime import Runtime
from quantd.services.bundle import Services
from quantd.services.live.alerts import LiveAlerts
from quantd.services.live.analytics import LiveAnalytics
from quantd.services.live.database import LiveDatabase
from quantd.services.live.deliveries import LiveDeliveries
from quantd.services.live.explain import LiveExplain, Sources, config_hash
from quantd.services.live.lookup import RuntimeStreams
from quantd.services.live.market import LiveMarket
from quantd.services.live.record import LiveRecord
from quantd.services.live.rule_analyses import RuleAnalyses
from quantd.services.live.rule_holds import RuleHolds
from quantd.services.live.rule_reader import RuleReader
from quantd.services.live.rules import LiveRules
from quantd.services.live.silences import LiveSilences
from quantd.services.live.status import LiveStatus
from quantd.services.live.symbols import LiveSymbols
from quantd.state import State


class LiveServices(Services, frozen=True):
    """The services as the daemon uses them. Their live classes have more methods than the protocols."""

    symbols: LiveSymbols
    alerts: LiveAlerts
    rules: LiveRules
    explain: LiveExplain
    database: LiveDatabase

    def learn_symbols(self, listed: Sequence[str]) -> None:
        """Take over the exchange's list of trading symbols, and subscribe to those that rules could not use before."""
        self.symbols.learn(listed)
        self.alerts.hold_all()
        self.rules.hold_all()


def live_services(runtime: Runtime, config: Config, registry: Registry, clock: Clock, state: State, pool: Pool) -> LiveServices:
    """Return the services of a runtime. Rules and firings of earlier runs are restored from `state`."""
    bars = LiveBars(runtime.outputs.history, RuntimeStreams(runtime), clock, pool)
    symbols = LiveSymbols(runtime, config, bars, state.cache, clock)
    analytics = LiveAnalytics(runtime, registry, bars, clock, pool, state.cache)
    holds, analyses = RuleHolds(runtime, config, symbols), RuleAnalyses(analytics, runtime.outputs)
    rules = LiveRules(runtime, RuleReader(config, registry), holds, analyses, clock, state)  # before the states of all rules are restored
    return LiveServices(
        symbols=symbols,
        market=LiveMarket(runtime, bars),
        record=LiveRecord(runtime.outputs.history, pool),
        analytics=analytics,
        rules=rules,
        alerts=LiveAlerts(runtime, holds, clock, state),
        silences=LiveSilences(runtime.outputs.dispatcher, clock, runtime.outputs.keeper.saved),
        deliveries=LiveDeliveries(runtime.outputs.outbox),
        explain=_explain(runtime, config, pool),
        status=LiveStatus(runtime, symbols, clock),
        database=LiveDatabase(runtime, pool, clock),
        events=runtime.outputs.hub,
        pool=pool,
    )


def _explain(runtime: Runtime, config: Config, pool: Pool) -> LiveExplain:
    outputs = runtime.outputs
    sources = Sources(outputs.alerts, outputs.history, config_hash(config))
    made = LiveExplain(sources, outputs.hub, pool, outputs.keeper.table("explained"))
    outputs.outbox.draw(made.svg)
    return made
