"""What receivers know of a rule, and what they are still to be told. Pure functions: a firing and an alert in, the next firing and the
messages out.

A muted alert is not told, but kept: what fires while it is muted and still fires at the end is told then; what fires and ends unseen is
not told at all; the end of what was told before is told when the mute ends.

                 muted                           mute ends
  firing   ----> kept, not told   -------------> firing is told
  resolved ----> of a told one: kept  ---------> resolved is told
                 of another one: forgotten
"""

from msgspec import Struct
from msgspec.structs import replace

from quantd.model import Alert


class Ack(Struct, frozen=True):
    """Somebody knows of the firing: no reminders until `until` (ms)."""

    until: int
    by: str = ""
    comment: str = ""


class Firing(Struct, frozen=True):
    """The latest firing of a rule, as its receivers know it."""

    alert: Alert
    """The alert that it fires, or that it is flapping."""
    sinks: tuple[str, ...]
    lasts: bool = True
    told: bool = False
    """Whether `alert` was told."""
    known: bool = False
    """Whether receivers think that the rule fires: `alert` was told, or one before it whose end was not."""
    over: Alert | None = None
    """The end of a firing that was told, while it is kept because it is muted."""
    reminders: int = 0
    ack: Ack | None = None

    @property
    def is_kept(self) -> bool:
        """Whether something is to be told when the mute ends."""
        return self.over is not None or (self.lasts and not self.told)


class Step(Struct, frozen=True):
    """The firing after an alert, None if nothing is left to know, and the messages to send now."""

    firing: Firing | None
    messages: tuple[Alert, ...] = ()


def after(known: Firing | None, alert: Alert, sinks: tuple[str, ...], *, muted: bool) -> Step:
    """Take an alert of a rule whose firing so far is `known`. `sinks` are those to which it goes."""
    if alert.state in ("resolved", "withdrawn"):
        return _ended(known, alert, sinks, muted=muted)
    if alert.repeat:
        return _reminded(known or Firing(alert, sinks, told=True, known=True, reminders=alert.repeat - 1), alert, muted=muted)
    return _begun(known, alert, sinks, muted=muted)


def _begun(known: Firing | None, alert: Alert, sinks: tuple[str, ...], *, muted: bool) -> Step:
    if known and known.told and known.alert.key == alert.key:
        return Step(known)
    over = known.over if known else None
    if muted:
        return Step(Firing(alert, sinks, known=known.known if known else False, over=over))
    return Step(Firing(alert, sinks, told=True, known=True), (over, alert) if over else (alert,))


def _ended(known: Firing | None, alert: Alert, sinks: tuple[str, ...], *, muted: bool) -> Step:
    if known and not known.known:
        return Step(None)
    if muted:
        ended = known or Firing(alert, sinks)
        return Step(replace(ended, lasts=False, known=True, over=ended.over or alert, ack=None))
    return Step(None, (known.over if known and known.over else alert,))


def _reminded(known: Firing, alert: Alert, *, muted: bool) -> Step:
    if muted or known.ack or not known.told:
        return Step(known)
    return _reminding(known, alert)


def _reminding(known: Firing, alert: Alert) -> Step:
    number = known.reminders + 1
    return Step(replace(known, reminders=number), (replace(alert, repeat=number),))


def unmuted(known: Firing) -> Step:
    """Tell what was kept while the firing was muted."""
    kept = tuple(each for each in (known.over, known.alert if known.lasts and not known.told else None) if each)
    return Step(replace(known, told=True, known=True, over=None) if known.lasts else None, kept)


def unacknowledged(known: Firing, now: int) -> Step:
    """Remind of a firing whose acknowledgement has run out."""
    assert known.ack
    by = f" by {known.ack.by}" if known.ack.by else ""
    reason = f"the acknowledgement{by} has run out"
    return _reminding(replace(known, ack=None), replace(known.alert, ts=now, reason=reason))
