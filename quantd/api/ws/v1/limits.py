"""The limits of the typed topics."""

from msgspec import Struct

from quantd.config.limits import LimitSettings


class TopicLimits(Struct, frozen=True):
    """Limits on clients, on the frequency of writes, and on the frames that are kept."""

    subscriptions: int = 1_000
    """Maximum number of topics of a socket."""
    commands: int = 1_000
    """Number of commands that a socket may send at once."""
    commands_per_s: float = 100.0
    """Number of commands a second that a socket may send for long."""
    message_bytes: int = 64 * 1024
    """Maximum length of a command."""
    flush: float = 0.01
    """Minimum seconds between two writes."""
    share: float = 0.5
    """Maximum share of the time that writes may take: the more they take, the rarer they are."""
    buffer: int = 256 * 1024
    """Number of unsent bytes from which on a client catches up in pieces, each of about this length."""
    patience: float = 10.0
    """Seconds that unsent bytes may stay beyond `buffer` before the client is closed."""
    frames: int = 10_000
    """Maximum number of frames of a topic that are kept."""
    topic_bytes: int = 16 << 20
    """Maximum number of bytes of these."""
    all_bytes: int = 64 << 20
    """Maximum number of bytes of the frames of all topics that are kept."""
    kept_s: float = 600.0
    """Seconds for which a topic goes on without a subscriber, so that it can be continued."""
    idle: int = 1_000
    """Maximum number of topics that go on without a subscriber; the one that has been without for longest ends first."""


def set_by(settings: LimitSettings) -> TopicLimits:
    """Return the limits that the config sets."""
    commands = settings.commands
    return TopicLimits(subscriptions=settings.subscriptions, commands=commands.burst, commands_per_s=commands.rate)
