"""Tells of refused requests in the log: once of each caller and reason, not once of each request."""

import logging
from collections.abc import Iterator
from typing import Literal, get_args

from quantd.api.access.caller import shared
from quantd.clock import Clock

_log = logging.getLogger("quantd.access")
_MOST, _AGAIN_S = 1_000, 3_600.0
Reason = Literal["no token", "not valid", "expired", "revoked", "scope", "too late"]


class Refusals:
    """Counts refusals, and logs the first of each caller and reason in an hour. A thousand of them are remembered."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: dict[tuple[str, Reason], float] = {}
        self._counts: dict[Reason, int] = dict.fromkeys(get_args(Reason), 0)

    def note(self, who: str, reason: Reason, text: str) -> None:
        """Note that a caller was refused. `who` is the name of its token or its address, never a token; of a network, one is told."""
        self._counts[reason] += 1
        now, key = self._clock.monotonic(), (shared(f"ip:{who}"), reason)
        if now - self._told.get(key, float("-inf")) < _AGAIN_S:
            return
        self._told.pop(key, None)
        while len(self._told) >= _MOST:
            del self._told[next(iter(self._told))]
        self._told[key] = now
        _log.warning("refused %s: %s", who, text)

    def counts(self) -> Iterator[tuple[tuple[str, ...], int]]:
        """Yield the number of refusals by reason."""
        for reason, count in self._counts.items():
            yield (reason,), count
