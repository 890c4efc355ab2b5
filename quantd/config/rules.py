"""Alert rules: what must hold, for how long, and what becomes of it. docs/alerts.md explains each key."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from quantd.conditions.model import Condition
from quantd.conditions.parse import parse_condition
from quantd.config.shapes import Written, parsed
from quantd.config.texts import Text, Timeframe, as_span, as_watched
from quantd.errors import close_to
from quantd.times import parse_time

METRICS = ("zscore", "spread", "spread_mean", "spread_std", "corr", "corr_returns", "beta", "alpha", "y", "x", "coverage")
"""Metrics of a pair that a condition can use, besides those of the pipeline's jobs."""
SYMBOL_METRICS = (
    *("price", "open", "high", "low", "close", "volume", "trades", "vwap", "taker_buy_volume"),
    *("coverage", "quality", "latency", "funding"),
)
"""Metrics of a symbol, and of a leg of a pair: `volume of y`."""
Moments = Literal["close", "tick"]
NoData = Literal["keep", "fire", "resolve"]
Origin = Literal["pipeline", "config", "request"]
"""Where a rule was written: in a pipeline, under `alerts:` of quantd.yaml, or in a request."""
COVERAGE = 0.9
Coverage = Annotated[float, Meta(ge=0, le=1, description="Share of the bars behind a number that must hold every trade; 0 judges all.")]
_SPAN = {"pattern": "^[0-9]+(ms|s|m|h|d)$"}
Span = Annotated[int, parsed(as_span, _SPAN)]
"""A length of time in milliseconds, which may be 0."""


class Times(Struct, frozen=True):
    """`needed` of the latest `of` judgements must be true."""

    needed: int = 1
    of: int = 1

    def __str__(self) -> str:
        return f"{self.needed} of {self.of}"


def as_times(text: str) -> Times:
    """Return what `3 of 5` says. Raises ValueError.

    >>> as_times("3 of 5")
    Times(needed=3, of=5)
    """
    match = re.fullmatch(r"(?a)\s*(\d{1,2})\s+of\s+(\d{1,2})\s*", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]) <= 60:
        raise ValueError(f"{text!r} is not a number of times: write it like `3 of 5`, of at most 60")
    return Times(int(match[1]), int(match[2]))


class Flapping(Struct, frozen=True, forbid_unknown_fields=True):
    """The flood breaker: so many changes within so many milliseconds are one message."""

    changes: Annotated[int, Meta(ge=2, le=1_000)] = 30
    within: Span = field(default=60_000, name="in")


def _flapping(reader: Any, node: Any, path: str) -> Flapping | Literal[False] | None:
    from quantd.config.sections import read_section

    if node.value == "off" or node.value is False:
        return False
    if isinstance(node.value, str):
        reader.wrong(node, path, f"{node.value!r} is neither `off` nor like {{changes: 30, in: 1m}}", close_to(node.value, ["off"]))
        return None
    found: Flapping | None = read_section(reader, node, path, Flapping).value
    return found


Breaker = Annotated[
    Flapping | bool,
    Written(
        _flapping,
        {
            "anyOf": [
                {"const": "off"},
                {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"changes": {"type": "integer", "minimum": 2, "maximum": 1_000}, "in": {"type": "string", **_SPAN}},
                },
            ]
        },
    ),
]


class Rule(Struct, frozen=True, kw_only=True):
    """A named condition on a pair or symbol, and what becomes of its changes. Lengths of time are in milliseconds."""

    name: Text
    when: Annotated[Condition, parsed(parse_condition, {"examples": ["abs(zscore) > 2"]}), Meta(description="What must hold.")]
    on: Annotated[Moments, Meta(description="Judge closed bars, or each tick.")] = "close"
    every: Timeframe = ""
    for_: Annotated[Span, Meta(description="How long it must hold before it fires, counted where there are data.")] = field(
        default=0, name="for"
    )
    until: Annotated[
        Condition | None,
        parsed(parse_condition, {"examples": ["abs(zscore) < 1"]}),
        Meta(description="What must hold for a firing to resolve; by default the opposite of `when`."),
    ] = None
    keep_firing_for: Annotated[Span, Meta(description="How long the end must last before a firing resolves.")] = 0
    cooldown: Annotated[Span, Meta(description="How long after a resolution it does not fire again.")] = 0
    times: Annotated[
        Times,
        parsed(as_times, {"pattern": "^[0-9]{1,2} of [0-9]{1,2}$"}),
        Meta(description="How many of the latest judgements must be true."),
    ] = Times()
    repeat: Annotated[tuple[Span, ...], Meta(description="When to remind of a firing, after the message before; the last goes on.")] = ()
    expires: Annotated[int | None, parsed(parse_time, {"examples": ["2026-12-31T00:00:00Z"]}), Meta(description="When the rule ends.")] = (
        None
    )
    no_data: Annotated[NoData, Meta(description="What missing data do, once they have been missing for `no_data_for`.")] = "keep"
    no_data_for: Annotated[Span, Meta(description="How long data must be missing before `no_data` applies.")] = 300_000
    late: Annotated[bool, Meta(description="Also tell what came and went while the daemon was down.")] = False
    severity: Annotated[Text, Meta(description="How bad it is, for routes and sinks.")] = "warning"
    labels: Annotated[Mapping[str, str], Meta(description="Further words for routes and sinks.")] = {}
    coverage: Coverage = COVERAGE
    """Share of the bars behind a number, the latest included, that must hold every trade before the number is judged; 0 judges all."""
    flapping: Breaker = Flapping()
    send: Annotated[tuple[Text, ...], Meta(description="Sinks to which the alerts go.")] = ()


class WatchedRule(Rule, frozen=True, kw_only=True):
    """A rule on one pair or one symbol, of quantd.yaml or of a request."""

    of: Annotated[
        str,
        parsed(as_watched, {"examples": ["BTCUSDT-ETHUSDT", "BTCUSDT"]}, "the pair or symbol that it watches, like BTCUSDT-ETHUSDT"),
        Meta(description="The pair or symbol that it watches."),
    ]
    window: Annotated[int, Meta(ge=2, le=2_000, description="Window of the regression, if not the pipeline's.")] | None = None
    regression: Annotated[Text, Meta(description="Regression of a pair's hedge ratio, if not the pipeline's.")] | None = None

    def __post_init__(self) -> None:
        if self.symbol and (self.window or self.regression):
            raise ValueError(f"{'window' if self.window else 'regression'}: a symbol has none: name a pair")

    @property
    def pair(self) -> str:
        """The pair that it watches; empty if it watches a symbol."""
        return self.of if "-" in self.of else ""

    @property
    def symbol(self) -> str:
        """The symbol that it watches; empty if it watches a pair."""
        return "" if self.pair else self.of
