"""Spoiled frames: a false value in valid JSON, invalid JSON, or an invalid frame."""

import json
from collections.abc import Callable
from typing import Any, Literal, get_args

from quantd.simulator.faults.fault import Connection, FaultRun, Frame, FrameFault
from quantd.simulator.faults.spec import Count
from quantd.simulator.frames import BINARY, CONTINUATION, FINAL, PING, TEXT, frame

How = Literal["value", "absent", "string", "float", "beyond", "seconds", "future", "other_symbol"]
What = Literal[
    "text", "truncated", "list", "object", "huge", "nested", "duplicate_keys", "utf8", "binary",
    "rsv", "oversized_control", "masked", "fragmented", "random",
]  # fmt: skip
YEAR_MS = 365 * 86_400_000
MIB = 1024 * 1024
NESTED = 200
MASKED = 0x80


class Corrupt(FrameFault, frozen=True, kw_only=True):
    """Sets `field` to a `value` of any JSON type, or changes the true value as `how` says.

    `string` and `float` change its type, `beyond` is 2^63, `seconds` divides milliseconds, `future` adds a year.
    """

    field: str
    value: Any = None
    how: How = "value"

    def frames(self, run: FaultRun, connection: Connection, frames: list[Frame]) -> list[Frame]:
        return [each._replace(payload=self._corrupted(each.payload)) if run.strikes() else each for each in frames]

    def _corrupted(self, payload: bytes) -> bytes:
        try:
            data = json.loads(payload)
        except ValueError:  # another fault has replaced it with garbage
            return payload
        for row in data if isinstance(data, list) else [data]:
            if not isinstance(row, dict):
                return payload
            true = row.get(self.field)
            if self.how == "absent":
                row.pop(self.field, None)
            else:
                row[self.field] = self._false(true)
        return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()

    def _false(self, true: Any) -> Any:
        made: dict[How, Callable[[], Any]] = {
            "value": lambda: self.value,
            "string": lambda: str(true),
            "float": lambda: float(true),
            "beyond": lambda: 2**63,
            "seconds": lambda: int(true) // 1000,
            "future": lambda: int(true) + YEAR_MS,
            "other_symbol": lambda: "XRPUSDT" if true != "XRPUSDT" else "LTCUSDT",
        }
        try:
            return made[self.how]()
        except (TypeError, ValueError):  # a field of another type, or no such field: the frame is of another stream than intended
            return true


class Garbage(FrameFault, frozen=True, kw_only=True):
    """Sends one frame of garbage before the next data, `n` times (default: once; null: before all data).

    `fragmented` spoils nothing: the data themselves come in fragments with a ping between them, as RFC 6455 allows.
    """

    what: What = "random"
    n: Count | None = 1

    def frames(self, run: FaultRun, connection: Connection, frames: list[Frame]) -> list[Frame]:
        if not frames or not run.strikes():
            return frames
        run.over = self.n is not None and run.struck >= self.n
        what = run.random.choice([each for each in get_args(What) if each != "random"]) if self.what == "random" else self.what
        if what == "fragmented":
            return [each._replace(wire=_fragments(each, connection)) for each in frames]
        return [frames[0]._replace(wire=_GARBAGE[what](frames[0].payload)), *frames]


def _fragments(each: Frame, connection: Connection) -> bytes:
    payload = each.text(connection)
    connection.owed_pongs += 1
    cuts = (payload[:1], payload[1 : len(payload) // 2], payload[len(payload) // 2 :])
    return frame(TEXT, cuts[0], 0) + frame(PING, b"between") + frame(CONTINUATION, cuts[1], 0) + frame(CONTINUATION, cuts[2])


def _masked(payload: bytes) -> bytes:
    """Return a masked frame, as only a client may send. The mask is all zeros and changes nothing."""
    head = bytes((FINAL | TEXT, MASKED | 2))
    return head + bytes(4) + b"{}"


_GARBAGE: dict[str, Callable[[bytes], bytes]] = {
    "text": lambda _: frame(TEXT, b"upstream connect error or disconnect/reset before headers"),
    "truncated": lambda payload: frame(TEXT, payload[: len(payload) * 2 // 3]),
    "list": lambda _: frame(TEXT, b"[]"),
    "object": lambda _: frame(TEXT, b"{}"),
    "huge": lambda _: frame(TEXT, b'{"e":"aggTrade","pad":"' + b"x" * (MIB - 25) + b'"}'),
    "nested": lambda _: frame(TEXT, b"[" * NESTED + b"]" * NESTED),
    "duplicate_keys": lambda payload: frame(TEXT, payload[:-1] + b"," + payload[1:]),
    "utf8": lambda _: frame(TEXT, b'{"e":"\xc3\x28\xff"}'),
    "binary": lambda payload: frame(BINARY, payload),
    "rsv": lambda payload: frame(TEXT, payload, FINAL | 0x40),
    "oversized_control": lambda _: frame(PING, b"x" * 126),
    "masked": _masked,
}
