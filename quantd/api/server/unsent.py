"""Bounds the memory of answers that wait to be read.

    answer larger than the transport's buffer ──▶ held, until its last bytes are sent
    three quarters of a bound are held ──▶ whose peers take nothing are aborted; if it is not enough, new requests get 503
    a bound is passed                  ──▶ connections are aborted until it is kept: first of peers that take nothing,
                                           then of others, and of these whose last progress is longest ago

An answer counts with its whole size until it is sent, as the transport keeps all of its bytes. Small answers never get here: asyncio calls
`pause_writing` when more than 64 KiB wait.
"""

import asyncio
import fcntl
import logging
import struct
import termios
from collections import Counter
from collections.abc import Callable

from quantd.config.limits import LimitSettings

_log = logging.getLogger("quantd.api")
_MIB = 1 << 20
_ROOM = 0.75
"""Part of a bound from which on new requests are refused, since those that are being computed need room."""
_SETTLES, _RESTS = 1 / 120, 1 / 10
"""Parts of `Patience.write`: after which the kernels at both ends are full, so that progress is that of a reader; how long a reader may
rest and is still one."""


class Held:
    """What waits for one peer."""

    __slots__ = ("key", "moved", "reads", "settling", "size", "unsent", "wire")

    def __init__(self, wire: asyncio.Transport, key: str | None, size: int, now: float) -> None:
        self.wire = wire
        self.key = key
        self.size = size
        self.unsent = unsent(wire)
        self.moved = now
        self.reads = False
        self.settling: asyncio.TimerHandle | None = None

    def look(self, now: float) -> None:
        """Note whether the peer has taken anything."""
        left = unsent(self.wire)
        if left != self.unsent:
            self.moved, self.reads = now, self.settling is None
        self.unsent = left

    def settle(self) -> None:
        """Begin to take progress for that of a reader."""
        self.unsent = unsent(self.wire)
        self.settling = None


class Unsent:
    """The answers that wait to be read."""

    def __init__(self, limits: LimitSettings, patience: float) -> None:
        self.total = 0
        """Number of bytes that are held."""
        self.aborted = 0
        """Number of connections aborted because too many bytes were held."""
        self.refused = 0
        """Number of requests refused for the same reason."""
        self._most = limits.unsent_mib * _MIB
        self._each = limits.address_unsent_mib * _MIB
        self._room = int(min(self._most, self._each) * _ROOM)
        self._settles, self._rests = patience * _SETTLES, patience * _RESTS
        self._of: Counter[str] = Counter()
        self._held: dict[asyncio.Transport, Held] = {}
        self._told = False

    def hold(self, wire: asyncio.Transport, key: str | None, written: int) -> None:
        """Count what waits in a transport, of which the last `written` bytes are one piece, and abort others if that is too much. `key`
        stands for the address of the peer, and is None for a proxy, whose callers are many."""
        loop = asyncio.get_running_loop()
        held = self._held[wire] = Held(wire, key, max(written, wire.get_write_buffer_size()), loop.time())
        held.settling = loop.call_later(self._settles, held.settle)
        self._count(key, held.size)
        if self._is_over(key, 1.0):
            self._make_room(key, 1.0, lambda other, _: other is not held)

    def release(self, wire: asyncio.Transport | None) -> None:
        """Count the bytes of a transport no more, if it was held: they are sent, or dropped."""
        held = self._held.pop(wire, None) if wire is not None else None
        if held is None:
            return
        if held.settling is not None:
            held.settling.cancel()
        self._count(held.key, -held.size)
        if self.total < self._room:
            self._told = False

    def look(self, wire: asyncio.Transport) -> None:
        """Note progress, and what was written since: a socket goes on to write. Call this now and then."""
        held = self._held.get(wire)
        if held is None:
            return
        held.look(asyncio.get_running_loop().time())
        more = max(0, wire.get_write_buffer_size() - held.size)
        held.size += more
        self._count(held.key, more)

    def is_full(self, key: str | None) -> bool:
        """Return whether a new request from an address must be refused. It makes room first, of peers that take nothing."""
        if self.total < self._room or not self._is_over(key, _ROOM):
            return False
        self._make_room(key, _ROOM, self._is_stalled)
        return self._is_over(key, _ROOM)

    def _count(self, key: str | None, size: int) -> None:
        self.total += size
        if key is not None:
            self._of[key] += size
            if not self._of[key]:
                del self._of[key]

    def _is_over(self, key: str | None, part: float) -> bool:
        """Return whether this part of a bound is reached."""
        return self.total > self._most * part or (key is not None and self._of[key] > self._each * part)

    def _make_room(self, key: str | None, part: float, may_go: Callable[[Held, float], bool]) -> None:
        """Abort connections that may go until this part of the bounds is kept: those that take nothing before readers, and of each kind
        first whose last progress is longest ago."""
        now = asyncio.get_running_loop().time()
        for held in self._held.values():
            held.look(now)
        for held in sorted(self._held.values(), key=lambda one: (self._is_reader(one, now), one.moved)):
            if not self._is_over(key, part):
                return
            if may_go(held, now) and (held.key == key or self.total > self._most * part):
                self._abort(held)

    def _is_reader(self, held: Held, now: float) -> bool:
        return held.reads and now - held.moved < self._rests

    def _is_stalled(self, held: Held, now: float) -> bool:
        return now - held.moved >= self._settles and not self._is_reader(held, now)

    def _abort(self, held: Held) -> None:
        """Drop what waits for a peer. The log says it once, until there is room again."""
        if not self._told:
            _log.warning("%d MiB of answers wait to be read: connections that take nothing are aborted", self.total // _MIB)
        self._told = True
        self.aborted += 1
        self.release(held.wire)
        held.wire.abort()


def unsent(transport: asyncio.Transport) -> int:
    """Return the number of bytes that the peer has not read, if some wait in this process; 0 if none do.

    Bytes in the kernel's buffer count, because it grows and shrinks in steps of megabytes, from which a slow reader takes kilobytes.
    """
    waiting = transport.get_write_buffer_size()
    if not waiting:
        return 0
    try:
        held = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
    except (OSError, ValueError):  # the connection is closing
        return waiting
    return waiting + int(struct.unpack("i", held)[0])
