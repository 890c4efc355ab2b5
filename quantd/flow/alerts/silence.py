"""Silences: alerts that a person does not want to hear of for a while."""

from msgspec import Struct
from msgspec.structs import replace

from quantd.config.matchers import Matchers, match, words_of, written
from quantd.model import Alert
from quantd.times import iso

_WARNED_BEFORE = 300_000


class Silence(Struct, frozen=True):
    """Mutes the alerts that match until a time, or until the firings that it was made for have ended, whichever comes first."""

    id: str
    match: Matchers
    since: int
    until: int | None = None
    firings: tuple[str, ...] | None = None
    """The ids of the firings that have not ended yet; None if it does not wait for any."""
    comment: str = ""
    by: str = ""
    warned: bool = False

    def mutes(self, alert: Alert) -> bool:
        """Return whether it is about this alert."""
        return match(self.match, words_of(alert))

    def is_over(self, now: int) -> bool:
        """Return whether it has ended."""
        return self.firings == () or (self.until is not None and now >= self.until)

    def wants_warning(self, now: int) -> bool:
        """Return whether it is time to say that it ends: five minutes before, or halfway through a silence of less than ten."""
        if self.warned or self.until is None:
            return False
        return now >= self.until - min(_WARNED_BEFORE, (self.until - self.since) // 2)

    def without(self, firing: str) -> "Silence":
        """Return the silence after a firing has ended."""
        if not self.firings or firing not in self.firings:
            return self
        return replace(self, firings=tuple(each for each in self.firings if each != firing))


def ending(silence: Silence, muted: list[Alert], now: int) -> Alert:
    """Return the notice that a silence ends which still mutes these alerts."""
    assert silence.until is not None
    about = ", ".join(f"{alert.pair} {alert.rule}" for alert in muted[:5]) + (f" and {len(muted) - 5} more" if len(muted) > 5 else "")
    comment = f" ({silence.comment})" if silence.comment else ""
    return Alert(
        id=f"silence/{silence.id}",
        alert_id=f"silence/{silence.id}",
        rule="silence",
        pair=muted[0].pair,
        state="notice",
        value=len(muted),
        threshold=0,
        since=silence.since,
        ts=now,
        text=f"the silence {written(silence.match)}{comment} ends at {iso(silence.until)} and still mutes {len(muted)}: {about}",
        metric="firings",
        severity=muted[0].severity,
        reason="a silence ends",
    )
