"""The bodies and answers of silences, of what fires, and of acknowledgements."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct, field

from quantd.api.schema.kinds import Moment, Time
from quantd.config.matchers import written
from quantd.services import silences
from quantd.times import iso

_LENGTH = {"pattern": "^[0-9]+(ms|s|m|h|d)$", "examples": ["2h"]}
_MATCH = {"examples": ['severity=page, pair=~"BTC.*"']}
Length = Annotated[str, Meta(description="A length of time.", max_length=20, extra_json_schema=_LENGTH)]
Note = Annotated[str, Meta(max_length=300)]


class SilenceBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A silence to make; a misspelt `dry` would make one. At least one of `until`, `for` and `until_resolved` is given."""

    match: Annotated[str, Meta(description="What is muted, as matchers.", max_length=1_000, extra_json_schema=_MATCH)]
    until: Annotated[Moment, Meta(description="When it ends.")] | None = None
    for_: Annotated[Length, Meta(description="How long it lasts, instead of `until`.")] | None = field(name="for", default=None)
    until_resolved: Annotated[bool, Meta(description="Whether it ends with the firings that match now.")] = False
    comment: Annotated[Note, Meta(description="Why.")] = ""
    by: Annotated[Note, Meta(description="Who makes it.")] = ""
    dry: Annotated[bool, Meta(description="Only show what it would mute now.")] = False


class AckBody(Struct, frozen=True, forbid_unknown_fields=True):
    """An acknowledgement: no reminders of a firing for a while."""

    for_: Annotated[Length, Meta(description="How long nobody is reminded.")] = field(name="for", default="1h")
    by: Annotated[Note, Meta(description="Who knows of it.")] = ""
    comment: Annotated[Note, Meta(description="What is done about it.")] = ""


class AckRow(Struct, frozen=True):
    """An acknowledgement, and when it runs out."""

    until: Time
    by: str
    comment: str


class FiringRow(Struct, frozen=True):
    """An alert that fires now: `id` is that of the firing, `alert_id` that of its rule."""

    id: str
    alert_id: str
    rule: str
    pair: str
    state: str
    severity: str
    labels: Mapping[str, str]
    metric: str
    value: float | str
    threshold: float | str
    since: Time
    text: str
    sinks: tuple[str, ...]
    told: bool
    """Whether its sinks were told."""
    muted: str | None
    """What mutes it now; null if nothing does."""
    ack: AckRow | None


class SilenceRow(Struct, frozen=True):
    """A silence, and the alerts that it mutes now. `id` is null if it was only asked what it would mute."""

    id: str | None
    match: str
    since: Time | None
    until: Time | None
    until_resolved: bool
    comment: str
    by: str
    mutes: tuple[FiringRow, ...]


def firing(known: silences.Firing) -> FiringRow:
    """Return a firing as it is shown."""
    alert, ack = known.alert, known.ack
    return FiringRow(
        alert.id,
        alert.alert_id,
        alert.rule,
        alert.pair,
        alert.state,
        alert.severity,
        alert.labels,
        alert.metric,
        alert.value,
        alert.threshold,
        iso(alert.since),
        alert.text,
        known.sinks,
        known.told,
        known.muted,
        AckRow(iso(ack.until), ack.by, ack.comment) if ack else None,
    )


def silence(made: silences.Silenced) -> SilenceRow:
    """Return a silence as it is shown."""
    return _row(made, made.id, iso(made.since), tuple(map(firing, made.mutes)))


def dry(order: silences.SilenceOrder, mutes: list[silences.Firing]) -> SilenceRow:
    """Return what a silence would be."""
    return _row(order, None, None, tuple(map(firing, mutes)))


def _row(order: silences.SilenceOrder, key: str | None, since: str | None, mutes: tuple[FiringRow, ...]) -> SilenceRow:
    until = None if order.until is None else iso(order.until)
    return SilenceRow(key, written(order.match), since, until, order.until_resolved, order.comment, order.by, mutes)
