"""Requests of one answer, and recorded rows."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from msgspec import Struct

from quantd.api.schema.rows import BarRow, PointRow, QualityRow, TradeRow
from quantd.client.delivering import Delivering
from quantd.client.rest import Rest
from quantd.client.silencing import Silencing
from quantd.client.stamps import stamp

if TYPE_CHECKING:
    from quantd.api.schema.explain import ExplanationAnswer, PastRule
    from quantd.api.schema.figures import Nowcast
    from quantd.api.schema.rules import RuleRow
    from quantd.api.schema.wire import Fired, Health, Rule
    from quantd.client.stamps import When


class Value(Struct, frozen=True, gc=False):
    """One value of a series."""

    ts: str
    value: float | None


class Analytics(Struct, frozen=True):
    """Series of a pair over the same bars, and the tests of its spread, as `/analytics/pair` answers them."""

    pair: str
    hedge_ratio: list[Value]
    spread: list[Value]
    zscore: list[Value]
    rolling_corr: list[Value]
    spread_mean: list[Value]
    spread_std: list[Value]
    rolling_corr_returns: list[Value]
    adf: dict[str, Any]
    cointegration: dict[str, Any]


class Requests(Silencing, Delivering):
    """What a client asks and orders. Each method raises ClientError if the daemon does not answer, or refuses."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def symbols(self) -> list[str]:
        """Return the symbols of the config."""
        return await self._rest.get(list[str], "/symbols")

    async def pairs(self) -> "list[Nowcast]":
        """Return the pairs that are processed, each on each of its timeframes, at the last prices."""
        from quantd.api.schema.figures import Nowcast

        return await self._rest.get(list[Nowcast], "/pairs")

    async def current_health(self) -> "Health":
        """Return the health of the daemon, which `health` follows."""
        from quantd.api.schema.wire import Health

        return await self._rest.get(Health, "/health")

    async def current_quality(self) -> list[QualityRow]:
        """Return the quality of the symbols' data, which `quality` follows."""
        return await self._rest.get(list[QualityRow], "/quality")

    async def analytics(self, pair: str, every: str = "1m", window: int = 60, regression: str = "OLS", **more: Any) -> Analytics:
        """Return statistics of any two symbols. `more` are further parameters of `/analytics/pair`, such as `prices="log"`."""
        return await self._rest.get(Analytics, "/analytics/pair", pair=pair, tf=every, window=window, regression=regression, **more)

    def recorded_bars(
        self, symbol: str, every: str = "1m", since: "When | None" = None, until: "When | None" = None
    ) -> AsyncIterator[BarRow]:
        """Yield the recorded bars of since <= ts < until, ascending, each at its last revision."""
        return self._rest.pages(BarRow, f"/api/v1/bars/{quote(symbol)}", every=every, **_range(since, until))

    def recorded_points(
        self, pair: str, every: str = "1m", since: "When | None" = None, until: "When | None" = None
    ) -> AsyncIterator[PointRow]:
        """Yield the recorded points of since <= ts < until, ascending, each at its last revision."""
        return self._rest.pages(PointRow, f"/api/v1/points/{quote(pair)}", every=every, **_range(since, until))

    def recorded_trades(self, symbol: str, since: "When | None" = None, until: "When | None" = None) -> AsyncIterator[TradeRow]:
        """Yield the recorded trades of since <= ts < until, by id."""
        return self._rest.pages(TradeRow, f"/api/v1/ticks/{quote(symbol)}", **_range(since, until))

    async def add_rule(self, metric: str, pair: str, op: str, value: float) -> "Rule":
        """Make an alert rule, such as zscore of BTCUSDT-ETHUSDT > 2. Needs the scope write."""
        from quantd.api.schema.wire import Rule

        return await self._rest.post(Rule, "/alerts", {"metric": metric, "pair": pair, "op": op, "value": value})

    async def rules(self) -> "list[Rule]":
        """Return the alert rules made by request."""
        from quantd.api.schema.wire import Rule

        return await self._rest.get(list[Rule], "/alerts")

    async def delete_rule(self, rule_id: str) -> None:
        """Delete an alert rule made by request. Needs the scope write."""
        await self._rest.delete(f"/alerts/{quote(rule_id, safe='')}")

    async def make_rule(self, of: str, when: str, **keys: Any) -> "RuleRow":
        """Make an alert rule in the full grammar, on a pair or symbol. `keys` are those of a rule in a config, such as `every="1m"`; write
        `for_` for the key `for`. Needs the scope write."""
        from quantd.api.schema.rules import RuleRow

        given = {key.removesuffix("_"): value for key, value in keys.items()}
        return await self._rest.post(RuleRow, "/api/v1/alerts/rules", {"of": of, "when": when, **given})

    async def all_rules(self) -> "list[RuleRow]":
        """Return all alert rules, those of pipelines and of quantd.yaml included, with their present states."""
        from quantd.api.schema.rules import RuleRow

        return await self._rest.get(list[RuleRow], "/api/v1/alerts/rules")

    async def find_rule(self, rule_id: str) -> "RuleRow":
        """Return an alert rule by its id."""
        from quantd.api.schema.rules import RuleRow

        return await self._rest.get(RuleRow, f"/api/v1/alerts/rules/{quote(rule_id, safe='')}")

    async def drop_rule(self, rule_id: str) -> None:
        """Delete any alert rule that was made by request. Needs the scope write."""
        await self._rest.delete(f"/api/v1/alerts/rules/{quote(rule_id, safe='')}")

    async def fired(self, limit: int | None = None) -> "list[Fired]":
        """Return the latest firings, newest last."""
        from quantd.api.schema.wire import Fired

        return await self._rest.get(list[Fired], "/alerts/active", limit=limit)

    async def explain(self, firing: str) -> "ExplanationAnswer":
        """Return what a rule saw when it fired, by the id of the firing, or of the rule for its latest firing."""
        from quantd.api.schema.explain import ExplanationAnswer

        return await self._rest.get(ExplanationAnswer, f"/alerts/{quote(firing, safe='')}/explain")

    async def drawing(self, firing: str) -> str:
        """Return a drawing of a firing as SVG."""
        return await self._rest.text(f"/alerts/{quote(firing, safe='')}/explain", format="svg")

    async def past_alerts(self, rule: str, of: str = "", every: str = "", last: str = "24h") -> "list[PastRule]":
        """Return when a rule, by its name or condition, would have fired over the record."""
        from quantd.api.schema.explain import PastRule

        return await self._rest.get(list[PastRule], "/alerts/backtest", rule=rule, of=of, every=every, last=last)


def _range(since: "When | None", until: "When | None") -> dict[str, str | None]:
    return {"since": None if since is None else stamp(since), "until": None if until is None else stamp(until)}
