"""The YAML scenario and its checks: what is traded, and under which limits."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated

import msgspec
import yaml
from msgspec import Meta, Struct

from quantd.simulator.sessions import Sessions
from quantd.simulator.steps import Span, Step, read_span

BUILT_IN = Path(__file__).parent / "scenarios"
Positive = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0, le=1)]


class ScenarioError(ValueError):
    """The scenario cannot be used. The text gives the place and the reason."""


class Follow(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Couples a price to that of a leader: price = alpha + beta * leader + OU, with alpha = level - beta * leader's level.

    `ou_sd` is the stationary standard deviation in quote currency, `ou_halflife_s` the time in which a deviation halves.
    """

    leader: str
    beta: float
    ou_sd: Positive
    ou_halflife_s: Annotated[float, Meta(ge=120)]  # a shorter one would overflow the one-day scan of market.py


class Symbol(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """One perpetual: mean price, tick and step size, mean aggregate trades per second, median notional in quote currency. A symbol with
    `sessions` represents a share or similar, and is traded only in its sessions."""

    level: Positive
    tick: Decimal
    step: Decimal
    rate: Annotated[float, Meta(ge=0.001, le=100_000)]
    volatility: Annotated[float, Meta(gt=0, le=0.2)] = 0.03  # standard deviation of a day's log return; a follower has that of its leader
    notional: Positive = 500.0
    follow: Follow | None = None
    sessions: Sessions | None = None

    def __post_init__(self) -> None:
        if self.tick <= 0 or self.step <= 0:
            raise ValueError("tick and step must be above 0")


class Limits(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Limits that the documentation of the exchange leaves open, or that a test sets smaller."""

    max_streams: Annotated[int, Meta(ge=1)] = 200
    messages_per_s: Annotated[int, Meta(ge=1)] = 10
    weight_per_minute: Annotated[int, Meta(ge=1)] = 2400
    refusals_to_ban: Annotated[int, Meta(ge=1)] = 10  # requests over the weight limit, within a minute
    ban_s: Positive = 120.0  # doubles with each ban
    ban_most_s: Positive = 259_200.0
    connections_per_5min: Annotated[int, Meta(ge=1)] = 300
    closes_to_ban: Annotated[int, Meta(ge=1)] = 5  # closes for too many messages, within ten minutes
    history_h: Annotated[int, Meta(ge=1)] = 48
    ping_s: Positive = 180.0
    pong_s: Positive = 600.0
    send_queue_bytes: Annotated[int, Meta(ge=1)] = 8 * 1024 * 1024
    backend_timeout_s: Annotated[float, Meta(ge=0)] = 10.0


class Quirks(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """How the tape departs from an ideal one: shares of trades, and one unknown field in every `extra_field_every` frames (0: never)."""

    late: Share = 0.005  # T earlier than that of the previous id
    raw_id_gaps: Share = 0.02  # the last raw trade of an aggregate is excluded (insurance fund, ADL)
    rpi: Share = 0.05  # part of the quantity came from retail price improvement orders, so that nq < q
    holes: Share = 0.0  # an aggregate id that does not exist
    closed_twice: Share = 0.02  # share of candles whose last event is sent twice
    extra_field_every: Annotated[int, Meta(ge=0)] = 50


class Scenario(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A whole exchange. `push_ms` is the cadence of the live streams, `steps` are the faults, and at `end` the exchange stops."""

    symbols: Annotated[dict[str, Symbol], Meta(min_length=1)]
    limits: Limits = Limits()
    quirks: Quirks = Quirks()
    push_ms: Annotated[int, Meta(ge=1, le=100)] = 50
    steps: list[Step] = []
    end: Span | None = None

    def alpha(self, follow: Follow, level: float) -> float:
        """Return the intercept that puts the follower at `level` when its leader is at its own level."""
        return level - follow.beta * self.symbols[follow.leader].level

    def truth(self) -> list[dict[str, float | str]]:
        """Return one row per pair: y = alpha + beta * x + OU(half-life in seconds, stationary standard deviation)."""
        return [
            {
                "y": name,
                "x": spec.follow.leader,
                "alpha": self.alpha(spec.follow, spec.level),
                "beta": spec.follow.beta,
                "ou_halflife_s": spec.follow.ou_halflife_s,
                "ou_sd": spec.follow.ou_sd,
            }
            for name, spec in self.symbols.items()
            if spec.follow is not None
        ]

    def faster(self, factor: float) -> "Scenario":
        """Return the same market with `factor` times as many trades."""
        symbols = {name: msgspec.structs.replace(spec, rate=spec.rate * factor) for name, spec in self.symbols.items()}
        return msgspec.structs.replace(self, symbols=symbols)


def load(name: str) -> Scenario:
    """Read a built-in scenario by name or a YAML file by path. Raises ScenarioError."""
    built_in = BUILT_IN / f"{name}.yaml"
    path = built_in if built_in.is_file() else Path(name)
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in BUILT_IN.glob("*.yaml")))
        raise ScenarioError(f"no scenario '{name}': neither a file nor built in; give a YAML file or one of {known}")
    try:
        return parse(path.read_text(encoding="utf-8"))
    except ScenarioError as error:
        raise ScenarioError(f"{path}: {error}") from error


def parse(text: str) -> Scenario:
    """Parse and check the text of a scenario. Raises ScenarioError."""
    try:
        scenario = msgspec.convert(yaml.safe_load(text), Scenario, dec_hook=read_span)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise ScenarioError(str(error)) from error
    for name, spec in scenario.symbols.items():
        _check_follow(scenario, name, spec.follow)
        _check_sessions(scenario, name, spec.sessions)
        if name != name.upper():
            raise ScenarioError(f"symbols.{name}: symbols are written in upper case")
    return scenario


def _check_sessions(scenario: Scenario, name: str, sessions: Sessions | None) -> None:
    for other, spec in scenario.symbols.items():
        if sessions and spec.sessions and sessions.market == spec.sessions.market and _pattern(sessions) != _pattern(spec.sessions):
            raise ScenarioError(f"symbols.{name}.sessions: '{other}' has other ones of the same market")


def _pattern(sessions: Sessions) -> tuple[int, int]:
    return sessions.open.ms, sessions.closed.ms


def _check_follow(scenario: Scenario, name: str, follow: Follow | None) -> None:
    if follow is None:
        return
    leader = scenario.symbols.get(follow.leader)
    if leader is None:
        raise ScenarioError(f"symbols.{name}.follow.leader: no symbol '{follow.leader}' in this scenario")
    if leader.follow is not None:
        raise ScenarioError(f"symbols.{name}.follow.leader: '{follow.leader}' follows another symbol itself; name one that does not")
