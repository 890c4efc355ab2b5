"""The subscriptions of one connection, and the exchange's answers."""

import itertools
import logging
from collections.abc import Callable, Collection, Iterable
from typing import Literal

import msgspec
from msgspec import Struct

import quantd
from quantd_plugins.feeds.binance.frames import Frame, Refusal

log = logging.getLogger(__name__)

MOST_PARAMS = 200
ANSWER_S = 10.0
AGAIN_S = 1.0
"""Seconds until refused streams are requested again; a stream that is refused alone waits twice as long, and so on."""
MOST_REFUSALS = 3
"""Number of refusals, alone, after which a stream is not requested again over this connection."""

Method = Literal["SUBSCRIBE", "UNSUBSCRIBE"]


class Request(Struct):
    """A request that is sent and not yet answered."""

    method: Method
    streams: list[str]

    def __str__(self) -> str:
        first, *others = self.streams
        return f"{self.method} of {first} and {len(others)} others" if others else f"{self.method} of {first}"


class Doubt(Struct):
    """A refused stream, though others in the request may be to blame: with how many it is requested again, from when on (s), and how
    often it was refused alone.
    """

    company: int
    since: float
    alone: int = 0


class Subscriptions:
    """Brings the subscriptions closer to `wanted`, which may change at any time, one message after the other."""

    def __init__(self, name: str, wanted: Callable[[], frozenset[str]], clock: quantd.Clock) -> None:
        self.confirmed = False
        """Whether any stream was confirmed: data may have been reported as complete although none arrived."""
        self._name = name
        self._wanted = wanted
        self._clock = clock
        self._ids = itertools.count(1)
        self._asked: set[str] = set()
        self._unanswered: dict[int, Request] = {}
        self._asked_at = 0.0
        self._doubts: dict[str, Doubt] = {}

    @property
    def settled(self) -> bool:
        """Return whether all wanted streams are confirmed, except those that the exchange refuses."""
        return not self._unanswered and self._asked == self._wanted().difference(self.refused)

    @property
    def refused(self) -> list[str]:
        """Return the streams that the exchange has refused often enough to be given up."""
        return [stream for stream, doubt in self._doubts.items() if doubt.alone >= MOST_REFUSALS]

    @property
    def overdue(self) -> bool:
        """Return whether an answer is overdue."""
        return bool(self._unanswered) and self._clock.monotonic() - self._asked_at > ANSWER_S

    def request(self) -> bytes | None:
        """Return the next message to send, which counts as sent."""
        wanted = self._wanted()
        for stream in self._doubts.keys() - wanted:
            del self._doubts[stream]
        if dropped := sorted(self._asked - wanted):
            return self._ask("UNSUBSCRIBE", dropped[:MOST_PARAMS])
        if streams := self._next(wanted - self._asked):
            return self._ask("SUBSCRIBE", streams)
        return None

    def answer(self, frame: Frame) -> bool:
        """Process an answer; return False if the frame is none."""
        request = self._unanswered.pop(frame.id, None) if isinstance(frame.id, int) else None
        if refusal := frame.refusal:
            known = request is not None and not self._doubts.keys().isdisjoint(request.streams)
            told = f"the {request or '?'}: {refusal.msg} (code {refusal.code})"
            log.log(logging.DEBUG if known else logging.WARNING, "binance-futures: %s: the exchange refused %s", self._name, told)
            if request and request.method == "SUBSCRIBE":
                self._refuse(request.streams, refusal)
        elif request:
            self.confirmed = True
            for stream in request.streams:
                self._doubts.pop(stream, None)
        return request is not None or refusal is not None

    def _next(self, missing: Collection[str]) -> list[str]:
        """Return the streams to request together: first those that were never refused."""
        fresh = sorted(stream for stream in missing if stream not in self._doubts)
        if fresh:
            return fresh[:MOST_PARAMS]
        now, given_up = self._clock.monotonic(), self.refused
        due = [stream for stream in self._doubts if stream in missing and stream not in given_up and self._doubts[stream].since <= now]
        company = self._doubts[due[0]].company if due else 0
        return [stream for stream in due if self._doubts[stream].company == company][:company]

    def _ask(self, method: Method, streams: list[str]) -> bytes:
        self._asked.symmetric_difference_update(streams)
        number = next(self._ids)
        self._unanswered[number] = Request(method, streams)
        self._asked_at = self._clock.monotonic()
        return msgspec.json.encode({"method": method, "params": streams, "id": number})

    def _refuse(self, streams: list[str], refusal: Refusal) -> None:
        """Note that these streams were refused. One of them may be to blame: they are requested again by halves, down to single ones."""
        self._asked.difference_update(streams)
        now = self._clock.monotonic()
        if len(streams) > 1:
            half = (len(streams) + 1) // 2
            self._doubts.update((stream, Doubt(half, now + AGAIN_S)) for stream in streams)
            return
        [stream] = streams
        alone = 1 + (self._doubts[stream].alone if stream in self._doubts else 0)
        self._doubts[stream] = Doubt(1, now + AGAIN_S * 2**alone, alone)
        if alone >= MOST_REFUSALS:
            log.error(
                "binance-futures: %s: %s is given up until the next connection, since the exchange refused it %d times: %s (code %d); "
                "check that the symbol is traded there, or take it off the list of symbols",
                *(self._name, stream, alone, refusal.msg, refusal.code),
            )


def symbols(streams: Iterable[str]) -> list[str]:
    """Return the symbols of the streams, each once."""
    return list(dict.fromkeys(stream.partition("@")[0].upper() for stream in streams if not stream.startswith("!")))
