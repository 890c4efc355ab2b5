"""The times for which the exchange forbids requests and connections; they survive a restart."""

import asyncio
import logging
from collections.abc import Mapping, MutableMapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Literal

import quantd
from quantd import net

log = logging.getLogger(__name__)
Door = Literal["rest", "ws"]

SLOW_DOWN = (418, 429)
BANNED = 418
ADVICE = {**net.ADVICE, BANNED: "the exchange has banned this address for asking too much: stop what else asks from here"}
"""Advice by the status of an answer."""
UNTOLD_S = 60.0
"""Length of a ban for which the exchange gives no valid time."""
LONGEST_S = 3 * 86_400.0
"""The longest ban that the exchange is known to give."""
SLICE_S = 1.0


class Bans:
    """The end of the ban of each door. A request to slow down (429) closes the door that was used, a ban of the address (418) closes both.

    Ends are stored in ms of the host's clock, since the monotonic clock starts again after a restart, together with the length of the
    ban: setting the host's clock back closes no door for longer. `market` returns the exchange time.
    """

    def __init__(
        self, clock: quantd.Clock, memory: MutableMapping[str, bytes], sleep: net.Sleep = asyncio.sleep, market: quantd.Clock | None = None
    ) -> None:
        self._clock = clock
        self._market = market or clock
        self._memory = memory
        self._sleep = sleep
        self._until: dict[Door, float] = {"rest": self._recall("rest"), "ws": self._recall("ws")}

    def wait(self, door: Door) -> float:
        """Return the number of seconds until the door opens."""
        return max(0.0, self._until[door] - self._clock.monotonic())

    def until(self) -> int | None:
        """Return the time when all doors are open again, ms UTC; None if they are open."""
        wait = max(self.wait("rest"), self.wait("ws"))
        return self._market.now() + round(wait * 1000) if wait else None

    async def pass_through(self, door: Door, who: str) -> None:
        """Wait until the door opens."""
        if wait := self.wait(door):
            log.warning("binance-futures: %s: the exchange wants no connection for %.0f s more", who, wait)
        while wait := self.wait(door):
            await self._sleep(min(wait, SLICE_S))

    def take(self, door: Door, status: int, headers: Mapping[str, str], where: str) -> None:
        """Close the doors as an answer demands."""
        if status not in SLOW_DOWN:
            return
        known = self.wait(door) > 0
        pause = self._pause(headers.get("Retry-After", ""), where)
        doors: tuple[Door, ...] = ("rest", "ws") if status == BANNED else (door,)
        for each in doors:
            self._until[each] = max(self._until[each], self._clock.monotonic() + pause)
            self._remember(each)
        what = "nothing is asked" if door == "rest" else "no connection is made"
        text = "binance-futures: %s: HTTP %d: too many requests from this address; %s for %.0f s"
        log.log(logging.DEBUG if known else logging.WARNING, text, where, status, what, pause)

    def _remember(self, door: Door) -> None:
        try:
            pause = round(self.wait(door) * 1000)
            self._memory[_key(door)] = b"%d %d" % (self._clock.now() + pause, pause)
        except Exception:  # the store may fail in any way; the ban holds for this process all the same
            log.exception("binance-futures: cannot keep until when nothing may be asked: a restart will not know of it")

    def _recall(self, door: Door) -> float:
        end, pause = _end_and_pause(self._memory.get(_key(door), b""))
        left = min(end - self._clock.now(), pause) / 1000
        if left > 0:
            log.warning("binance-futures: before the restart the exchange said that it wants nothing (%s) for %.0f s more", door, left)
        return self._clock.monotonic() + min(left, LONGEST_S)

    def _pause(self, text: str, where: str) -> float:
        """Return the seconds of a Retry-After header, which holds a number of seconds or a date."""
        told = _seconds(text, self._market.now())
        if told is not None and 0 <= told <= LONGEST_S:
            return told
        pause = LONGEST_S if told is not None and told > LONGEST_S else UNTOLD_S
        log.warning("binance-futures: %s: Retry-After is %r, taken for %.0f s", where, text[:80], pause)
        return pause


def _key(door: Door) -> str:
    return f"banned-{door}"


def _end_and_pause(kept: bytes) -> tuple[int, int]:
    """Return the stored end and length of a ban; zeros if the entry is damaged."""
    end, _, pause = kept.partition(b" ")
    return (int(end), int(pause)) if end.isdigit() and pause.isdigit() and len(kept) < 40 else (0, 0)


def _seconds(text: str, now: int) -> float | None:
    """Return a number of seconds; None if the text holds none."""
    text = text.strip()
    if text.isascii() and text.removeprefix("-").isdigit():
        return float(text[:20])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now / 1000
