"""One socket as the board sees it."""

from collections.abc import Callable, Mapping

from quantd.api.ws.fanout import Transport
from quantd.api.ws.v1.frame_log import FrameLog
from quantd.api.ws.v1.limits import TopicLimits


class Client:
    """A socket and its topics. It has no queue: either it is in step with its topics, or it has a number for each of them, the last frame
    that it was sent, and catches up from there."""

    def __init__(self, transport: Transport, limits: TopicLimits, expel: Callable[[], None]) -> None:
        """`expel` closes a client that does not read."""
        self.topics: dict[str, FrameLog] = {}
        self.behind: dict[FrameLog, int] | None = None
        """The number of the last frame that it was sent, by topic; None while it is in step."""
        self._transport = transport
        self._limits = limits
        self._expel = expel
        self._stuck_since: float | None = None

    def send(self, data: bytes) -> None:
        """Send complete frames, whatever the state of the client."""
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def offer(self, data: bytes) -> bool:
        """Send new frames to a client in step. Return whether it is still quick enough for the next ones."""
        self.send(data)
        return self._transport.get_write_buffer_size() <= self._limits.buffer

    def fall_behind(self, seqs: Mapping[FrameLog, int]) -> None:
        """Begin to catch up. The numbers are those of the frames that it has been sent."""
        if self.behind is None:
            self.behind = dict(seqs)

    def catch_up(self, now: float) -> bool:
        """Send the next piece of what it lacks at `now` seconds, unless bytes wait already. Return whether it lacks nothing any more."""
        behind = self.behind
        if behind is None or not self._reads(now):
            return behind is None
        pieces, room = [], self._limits.buffer
        for log, seq in list(behind.items()):
            if room > 0:
                more = log.after(seq, room)
                pieces.append(more.data)
                room -= len(more.data)
                del behind[log]
                behind[log] = more.seq  # at the end: the next piece begins with another topic
        self.send(b"".join(pieces))
        if any(seq < log.seq for log, seq in behind.items()):
            return False
        self.behind = None
        return True

    def _reads(self, now: float) -> bool:
        """Return whether the client may be sent a piece. One that has read too little for too long is expelled."""
        if self._transport.get_write_buffer_size() <= self._limits.buffer // 2:
            self._stuck_since = None
            return True
        if self._stuck_since is None:
            self._stuck_since = now
        if now - self._stuck_since > self._limits.patience:
            self._expel()
        return False
