"""The limits of the typed topics."""

from msgspec import Struct


class TopicLimits(Struct, frozen=True):
    """Limits on clients, on the frequency of writes, and on the frames that are kept."""

    message_bytes: int = 64 * 1024
    """Maximum length of a command."""
    flush: float = 0.01
    """Minimum seconds between two writes."""
    pause: float = 0.03
    """Seconds between the end of a flush and the next one are as many as the flush took, and at most these: the more it takes, the rarer it
    is."""
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


DEFAULT_LIMITS = TopicLimits()
