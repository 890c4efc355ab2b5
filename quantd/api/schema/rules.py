"""Alert rules in the full grammar: the order to make one, and the row that shows one. The keys are those of a rule in a config."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from quantd.api.schema.kinds import Time
from quantd.config.rules import Coverage, Moments, NoData, Origin
from quantd.config.written import written
from quantd.model import Metric
from quantd.rule_state import Phase
from quantd.services.rules import KnownRule
from quantd.times import iso

_SPAN = {"type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$"}
Length = Annotated[str, Meta(extra_json_schema=_SPAN)]
"""A length of time, such as 5m."""
Given = Any
"""A value that the config's reader checks, which names every mistake."""


class FloodBreaker(Struct, frozen=True):
    """So many changes within this time are one message."""

    changes: int
    within: Length = field(name="in")


def _key(text: str, **schema: Any) -> Meta:
    return Meta(description=text, extra_json_schema=schema)


class RuleOrder(Struct, frozen=True, kw_only=True):
    """A rule to make, in the words of a config."""

    of: Annotated[Given, _key("What it watches: a pair, or a symbol.", type="string", examples=["BTCUSDT-ETHUSDT", "BTCUSDT"])]
    when: Annotated[Given, _key("What must hold.", type="string", examples=["abs(zscore) > 2 and corr > 0.5"])]
    name: Annotated[Given, _key("Its name; by default the text of `when`.", type=["string", "null"], minLength=1)] = None
    on: Annotated[Given, _key("Judge closed bars, or each tick.", enum=["close", "tick"])] = "close"
    every: Annotated[Given, _key("Timeframe; by default the first of the pipeline.", type=["string", "null"], examples=["1m"])] = None
    for_: Annotated[Given, _key("How long it must hold before it fires.", **_SPAN)] = field(default="0s", name="for")
    until: Annotated[Given, _key("What must hold for a firing to resolve.", type=["string", "null"], examples=["abs(zscore) < 1"])] = None
    keep_firing_for: Annotated[Given, _key("How long the end must last before a firing resolves.", **_SPAN)] = "0s"
    cooldown: Annotated[Given, _key("How long after a resolution it does not fire again.", **_SPAN)] = "0s"
    times: Annotated[Given, _key("How many of the latest judgements must be true.", type="string", examples=["3 of 5"])] = "1 of 1"
    repeat: Annotated[Given, _key("When to remind of a firing.", type=["array", "null"], items=_SPAN)] = []
    expires: Annotated[Given, _key("When it ends: a time, or a length of time from now.", type=["string", "null"], examples=["8h"])] = None
    no_data: Annotated[Given, _key("What missing data do.", enum=["keep", "fire", "resolve"])] = "keep"
    no_data_for: Annotated[Given, _key("How long data must be missing before `no_data` applies.", **_SPAN)] = "5m"
    late: Annotated[Given, _key("Also tell what came and went while the daemon was down.", type="boolean")] = False
    severity: Annotated[Given, _key("How bad it is.", type="string", minLength=1)] = "warning"
    labels: Annotated[Given, _key("Further words for routes and sinks.", type="object", additionalProperties={"type": "string"})] = {}
    coverage: Annotated[Given, _key("Share of the bars that must hold every trade.", type="number", minimum=0, maximum=1)] = 0.9
    flapping: Annotated[
        Given,
        _key(
            "The flood breaker, or off.",
            anyOf=[{"enum": ["off", False]}, {"type": ["object", "null"], "properties": {"changes": {"type": "integer"}, "in": _SPAN}}],
        ),
    ] = field(default_factory=lambda: {"changes": 30, "in": "1m"})
    send: Annotated[Given, _key("Sinks to which the alerts go.", type=["array", "null"], items={"type": "string"})] = []
    window: Annotated[Given, _key("Window, if not the pipeline's.", type=["integer", "null"], minimum=2, maximum=2000)] = None
    regression: Annotated[Given, _key("Regression, if not the pipeline's.", type=["string", "null"], examples=["kalman"])] = None


class RuleNow(Struct, frozen=True):
    """The present state of a rule."""

    phase: Phase
    since: Time | None
    """When its condition began to hold."""
    value: Metric
    """The present value of the part of the condition that decides."""
    due: Time | None
    """When the state changes next, unless data change it before."""
    triggered_at: Time | None
    trigger_count: int


class RuleRow(Struct, frozen=True, kw_only=True):
    """A rule with all its keys and its present state."""

    id: str
    of: str
    origin: Origin
    """Where it was written: in a pipeline, under `alerts:` of quantd.yaml, or in a request. Only the latter can be deleted."""
    created_at: Time | None
    name: str
    when: str
    on: Moments
    every: str
    for_: Length = field(name="for")
    until: str | None
    keep_firing_for: Length
    cooldown: Length
    times: str
    repeat: list[Length]
    expires: Time | None
    no_data: NoData
    no_data_for: Length
    late: bool
    severity: str
    labels: dict[str, str]
    coverage: Coverage
    flapping: FloodBreaker | Literal["off"]
    send: list[str]
    window: int | None
    """Window of the regression, if it is not the pipeline's."""
    regression: str | None
    """Regression, if it is not the pipeline's."""
    state: RuleNow


def rule(known: KnownRule) -> RuleRow:
    """Return a rule as a row."""
    given = known.state
    now = RuleNow(
        phase=given.phase,
        since=_time(given.since if given.phase != "inactive" else None),
        value=known.value,
        due=_time(known.due),
        triggered_at=_time(given.triggered_at),
        trigger_count=given.trigger_count,
    )
    keys = written(known.rule) | {"window": known.window, "regression": known.regression}
    whole = {"id": known.id, "of": known.of, "origin": known.origin, "created_at": _time(known.created_at), **keys}
    return msgspec.structs.replace(msgspec.convert({**whole, "state": _NOTHING}, RuleRow), state=now)


_NOTHING = msgspec.to_builtins(RuleNow("inactive", None, None, None, None, 0))


def _time(ts: int | None) -> str | None:
    return None if ts is None else iso(ts)
