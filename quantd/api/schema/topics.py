"""The frames and commands of `/api/v1/ws`. A frame of the server has a `type`, a command of a client an `action`."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from quantd.api.access.caller import Scope
from quantd.api.schema import rows, wire
from quantd.api.schema.kinds import Time

VERSION = 1
Id = Annotated[str, Meta(max_length=64)] | Annotated[int, Meta(ge=-(2**53), le=2**53)] | None
"""What a client puts into a command, to find the answer by it."""
Code = Literal["bad_message", "unknown_action", "unknown_topic", "bad_since", "forbidden", "too_many_subscriptions", "too_fast"]


# --- commands -----------------------------------------------------------------------------------------------------------------------


class Since(Struct, frozen=True):
    """The last frame of a topic that a client has received."""

    epoch: Annotated[str, Meta(max_length=64)]
    seq: Annotated[int, Meta(ge=0, le=2**53)]


class Command(Struct, frozen=True, kw_only=True, tag_field="action"):
    """A command; `id` comes back in the answer."""

    id: Id = None


class Subscribe(Command, frozen=True, kw_only=True, tag="subscribe"):
    """Subscribe to a topic. With `since`, the frames after that one come first, as far as there still are any."""

    topic: Annotated[str, Meta(max_length=256)]
    since: Since | None = None


class Unsubscribe(Command, frozen=True, kw_only=True, tag="unsubscribe"):
    """Unsubscribe from a topic."""

    topic: Annotated[str, Meta(max_length=256)]


class Ping(Command, frozen=True, kw_only=True, tag="ping"):
    """Ask for a pong."""


class Authenticate(Command, frozen=True, kw_only=True, tag="auth"):
    """Present a token."""

    token: Annotated[str, Meta(max_length=8192)]

    def __repr__(self) -> str:
        return "Authenticate()"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


Commands = Subscribe | Unsubscribe | Ping | Authenticate
ACTIONS = ("subscribe", "unsubscribe", "ping", "auth")


# --- frames about the connection ----------------------------------------------------------------------------------------------------


class Limits(Struct, frozen=True):
    """The limits of a socket, and how much of a topic's past is kept."""

    subscriptions: int
    """Maximum number of topics of a socket."""
    message_bytes: int
    """Maximum length of a command."""
    history_frames: int
    """Maximum number of frames of a topic that are kept."""
    history_s: int
    """Time for which frames of a topic are kept as a rule, s."""


class Hello(Struct, frozen=True, tag_field="type", tag="hello"):
    """The first frame, once the client is known."""

    version: int
    quantd: str
    epoch: str
    """Changes with each start of the daemon: numbers of different epochs have nothing to do with each other."""
    ts: Time
    limits: Limits
    caller: str | None
    """Name of the client's token; null without one."""
    scopes: list[Scope]


class Subscribed(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="subscribed"):
    """The answer to a subscribe. `missed` are the first and the last number of the frames that are lost."""

    topic: str
    id: Id = None
    epoch: str
    seq: int
    """Number of the topic's newest frame; 0 before the first."""
    recovered: bool
    """Whether every frame after `since` follows."""
    missed: tuple[int, int | None] | None
    """The last number is null if it is not known: the numbers are those of another epoch."""


class Unsubscribed(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="unsubscribed"):
    """The answer to an unsubscribe."""

    topic: str
    id: Id = None


class Pong(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="pong"):
    """The answer to a ping."""

    id: Id = None


class Lagged(Struct, frozen=True, tag_field="type", tag="lagged"):
    """Frames of a topic that the client does not get, since it reads too slowly: how many, the first number and the last."""

    topic: str
    count: int
    missed: tuple[int, int]


class Auth(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="auth"):
    """The state of the client's token."""

    state: Literal["needed", "accepted", "expiring", "revoked"]
    until: Time | None = None
    """When the token ends."""
    within_s: float | None = None
    """Time that the client has to present a token, s."""


class Error(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="error"):
    """The answer to a command that was not carried out. The socket stays open."""

    code: Code
    text: str
    topic: str | None = None
    id: Id = None


# --- frames of topics ---------------------------------------------------------------------------------------------------------------


class Data(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """Rows of a topic. `seq` counts the frames of a topic by one; a snapshot has the number of the newest frame that it covers."""

    topic: str
    seq: int
    snapshot: bool = False


class Trades(Data, frozen=True, kw_only=True, tag="trades"):
    """Trades of a symbol, `trade:SYM`. A snapshot has the last one."""

    rows: list[rows.TradeRow]


class Bars(Data, frozen=True, kw_only=True, tag="bars"):
    """Closed bars of a symbol, and later revisions of such, `bar:SYM:1s`. A snapshot has the newest."""

    rows: list[rows.BarRow]


class Points(Data, frozen=True, kw_only=True, tag="points"):
    """Points of a pair, and later revisions of such, `pair:A-B:1m`. A snapshot has the newest."""

    rows: list[rows.PointRow]


class Nowcasts(Data, frozen=True, kw_only=True, tag="nowcasts"):
    """Now-casts of a pair, one for each timeframe, `now:A-B`; `ts` is the time of the last trade."""

    rows: list[rows.PointRow]


class Alerts(Data, frozen=True, kw_only=True, tag="alerts"):
    """Firings and resolutions of alert rules, `alert`. A snapshot has the latest firings."""

    rows: list[rows.AlertRow]


class Qualities(Data, frozen=True, kw_only=True, tag="quality"):
    """The quality of each symbol's data, `quality`: all rows, once a second if one has changed."""

    rows: list[rows.QualityRow]


class HealthFrame(Data, frozen=True, kw_only=True, tag="health"):
    """The health of the daemon, `health`: one row, once a second if it has changed."""

    rows: list[wire.Health]


class Books(Data, frozen=True, kw_only=True, tag="books"):
    """Closed bars of a symbol's order book, `book:SYM:1s`. A snapshot has the newest."""

    rows: list[rows.BookRow]


class LogLines(Data, frozen=True, kw_only=True, tag="log"):
    """Lines of the daemon's log, `log`. A snapshot is empty."""

    rows: list[rows.LogRow]


DataFrame = Trades | Bars | Points | Nowcasts | Alerts | Qualities | HealthFrame | Books | LogLines
Frame = Hello | Subscribed | Unsubscribed | Pong | Lagged | Auth | Error | DataFrame
"""Every frame of the server."""
