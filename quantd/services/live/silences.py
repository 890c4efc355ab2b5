"""Silences and acknowledgements of a running flow."""

from collections.abc import Awaitable, Callable
from secrets import token_hex

from quantd.clock import Clock
from quantd.config.matchers import Matchers, match, words_of
from quantd.flow.alerts.dispatch import Dispatcher
from quantd.flow.alerts.firing import Ack
from quantd.flow.alerts.firing import Firing as Known
from quantd.flow.alerts.silence import Silence
from quantd.services.silences import MOST_SILENCES, Acknowledged, Firing, NothingFires, Silenced, SilenceOrder, Silences, TooManySilences


class LiveSilences(Silences):
    """The silences of a dispatcher. `saved` waits until they are on disk, `name` makes their ids."""

    def __init__(
        self, dispatcher: Dispatcher, clock: Clock, saved: Callable[[], Awaitable[object]], name: Callable[[], str] = lambda: token_hex(4)
    ) -> None:
        self._name = name
        self._dispatcher = dispatcher
        self._clock = clock
        self._saved = saved

    def firing(self, match: Matchers = ()) -> list[Firing]:
        known = [firing for _, firing in self._dispatcher.firings if firing.lasts and _matches(match, firing)]
        return [self._shown(firing) for firing in sorted(known, key=lambda each: each.alert.since)]

    def all(self) -> list[Silenced]:
        return [self._silenced(silence) for silence in self._dispatcher.silences]

    async def add(self, order: SilenceOrder) -> Silenced:
        if len(self._dispatcher.silences) >= MOST_SILENCES:
            raise TooManySilences
        firings = tuple(each.alert.id for each in self.firing(order.match)) if order.until_resolved else None
        if firings == ():
            raise NothingFires
        silence = Silence(self._name(), order.match, self._clock.now(), order.until, firings, order.comment, order.by)
        self._dispatcher.silence(silence)
        await self._saved()
        return self._silenced(silence)

    async def delete(self, silence_id: str) -> bool:
        known = self._dispatcher.unsilence(silence_id)
        await self._saved()
        return known

    async def acknowledge(self, firing_id: str, ack: Acknowledged | None) -> Firing | None:
        for rule, firing in self._dispatcher.firings:
            if firing.lasts and firing_id in (rule, firing.alert.id):
                self._dispatcher.acknowledge(rule, Ack(ack.until, ack.by, ack.comment) if ack else None)
                await self._saved()
                now = self._dispatcher.firings.get(rule)
                return self._shown(now) if now else None
        return None

    def _shown(self, firing: Known) -> Firing:
        ack = Acknowledged(firing.ack.until, firing.ack.by, firing.ack.comment) if firing.ack else None
        return Firing(firing.alert, firing.sinks, firing.told, self._dispatcher.why_muted(firing.alert), ack)

    def _silenced(self, silence: Silence) -> Silenced:
        return Silenced(
            id=silence.id,
            match=silence.match,
            since=silence.since,
            until=silence.until,
            until_resolved=silence.firings is not None,
            comment=silence.comment,
            by=silence.by,
            mutes=self.firing(silence.match),
        )


def _matches(matchers: Matchers, firing: Known) -> bool:
    return match(matchers, words_of(firing.alert))
