"""The steps of a scenario: the faults and their times, which count from the start."""

import re
from typing import Any

from msgspec import Struct, field

from quantd.simulator.faults.spec import FaultSpec, Match

UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
LENGTH = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
CLOCK = re.compile(r"(\d+):([0-5]\d):([0-5]\d(?:\.\d{1,3})?)")


class Span:
    """A duration such as `90s`, `1h30m` or `00:05:00`."""

    def __init__(self, ms: int) -> None:
        self.ms = ms

    @classmethod
    def parse(cls, value: object) -> "Span":
        """Parse a duration. Raises ValueError for any other value."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            raise ValueError(
                f"a time is a text such as '90s' or '12:00:05', and this is the number {value}; "
                "YAML reads a bare 12:00:05 as the number 43205, so put clock times in quotes"
            )
        text = str(value)
        clock = CLOCK.fullmatch(text)
        if clock:
            return cls(round((int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3])) * 1000))
        parts = LENGTH.findall(text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            raise ValueError(f"'{text}' is no time; write 250ms, 90s, 5m, 1h30m, 7d or '12:00:05'")
        return cls(round(sum(float(number) * UNIT_MS[unit] for number, unit in parts)))


class StepFault(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The fault of a step. `for` is its duration (default: for ever)."""

    kind: str
    match: Match = Match()
    params: dict[str, Any] = {}
    lasting: Span | None = field(default=None, name="for")

    def spec(self) -> FaultSpec:
        return FaultSpec(kind=self.kind, match=self.match, params=self.params, for_ms=self.lasting.ms if self.lasting else None)


class Step(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A fault that begins once `at` a time, or `every` so often, first after `at` (default: after `every`).

    Each time is up to `jitter` earlier or later, and none is after `until`.
    """

    fault: StepFault
    at: Span | None = None
    every: Span | None = None
    jitter: Span | None = None
    until: Span | None = None

    def __post_init__(self) -> None:
        if self.at is None and self.every is None:
            raise ValueError("a step needs 'at' or 'every'")
        if self.every is None and (self.jitter is not None or self.until is not None):
            raise ValueError("'jitter' and 'until' go with 'every' only")
        if self.every is not None and self.every.ms < 1:
            raise ValueError("'every' must be at least 1ms")
        if self.every is not None and self.jitter is not None and 2 * self.jitter.ms > self.every.ms:
            raise ValueError("'jitter' must not be above half of 'every', or steps would overtake each other")


def read_span(kind: type, value: object) -> Any:
    """Decode a Span: the hook for msgspec."""
    if kind is Span:
        return Span.parse(value)
    raise NotImplementedError(kind)
