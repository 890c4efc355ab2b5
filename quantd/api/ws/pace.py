"""Limits what one socket may do. Sockets of both protocols use this."""

import asyncio

from quantd.api.access.caller import Caller
from quantd.api.access.limits import CallerLimits, Meter

TOO_MANY = 4429
"""Close code of a socket that is one too many, or wants too much."""


class Pace:
    """The commands and subscriptions that one socket may have."""

    def __init__(self, limits: CallerLimits, caller: Caller) -> None:
        self.subscriptions = limits.settings.subscriptions
        """Largest number of subscriptions."""
        self._meter = None if limits.key(caller) is None else Meter("commands", limits.settings.commands, limits.clock)

    def lacks(self) -> float:
        """Count a command. Return 0, or the number of seconds by which it came too early; it is not counted then."""
        return 0.0 if self._meter is None else max(0.0, -self._meter.take(""))

    async def turn(self) -> None:
        """Return when the next command may be obeyed; other tasks run before, so that commands that came together hold up nobody."""
        await asyncio.sleep(0)
        while again := self.lacks():  # noqa: ASYNC110 -- a bucket tells nobody that it fills
            await asyncio.sleep(again)
