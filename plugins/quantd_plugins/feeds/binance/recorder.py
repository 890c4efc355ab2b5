"""Records every frame as received, `<receive time in ns> <json>` a line, in files that the replay feed reads.

A thread writes, so that the disk does not hold up the event loop. Each flush writes a gzip member of its own: all but the last member
of a file can be read after the process is killed.
"""

import logging
import threading
import zlib
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

import quantd

log = logging.getLogger(__name__)

FLUSH_S = 1.0
LEVEL = 1
GZIP = 16 + zlib.MAX_WBITS
MIB = 1 << 20
MOST_WAITING = 64 * MIB
"""Largest number of bytes that wait for the disk; further frames are lost, and counted."""
HOUR = 3_600_000
SUFFIX = ".frames.gz"


class Shape(Struct, frozen=True):
    """The directory of the files, the size (bytes) at which a new file begins, and the total size allowed."""

    directory: Path
    rotate: int
    keep: int


class Recorder:
    """`add` frames at any time after `start`; `stop` returns when all is on disk. `lost` counts frames that could not be written."""

    def __init__(self, shape: Shape, clock: quantd.Clock) -> None:
        self.lost = 0
        self._files = Files(shape)
        self._clock = clock
        self._lines: deque[bytes] = deque()
        self._added = 0
        self._taken = 0
        """Counts of bytes; each is changed by one thread only."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="binance-futures-record", daemon=True)
        self._failed = False

    def start(self) -> None:
        """Start the thread that writes."""
        self._thread.start()

    def add(self, recv: int, frame: bytes) -> None:
        """Add a frame received at `recv` (ms)."""
        if self._added - self._taken > MOST_WAITING:
            self.lost += 1
            return
        line = b"%d %b\n" % (recv * 1_000_000, frame.replace(b"\n", b" "))
        self._added += len(line)
        self._lines.append(line)

    def stop(self) -> None:
        """Write the remaining frames, and stop. Blocks until that is done."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        last = False
        while not last:
            last = self._stopping.wait(FLUSH_S)
            self.flush()
        self._files.close()

    def flush(self) -> None:
        """Write the waiting frames. The thread calls it every second."""
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        if not lines:
            return
        text = b"".join(lines)
        self._taken += len(text)
        try:
            self._files.write(text, self._clock.now())
            self._failed = False
        except Exception as error:  # whatever the error is, the next flush may succeed
            self.lost += len(lines)
            if not self._failed:
                log.error("binance-futures: cannot record frames: %s: make room, or end it with `record: null`", error)
            self._failed = True


class Files:
    """The files of a directory; the last one is being written."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._file: BinaryIO | None = None
        self._size = 0
        self._hour = 0
        self._named = 0

    def write(self, text: bytes, now: int) -> None:
        """Write lines as a gzip member and pass it to the system. Raises OSError, after which a new file begins."""
        packer = zlib.compressobj(LEVEL, wbits=GZIP)
        member = packer.compress(text) + packer.flush()
        if self._file is not None and (self._size + len(member) > self._shape.rotate or now // HOUR != self._hour):
            self.close()
        try:
            if self._file is None:
                self._file = self._begin(now)
                self._size, self._hour = 0, now // HOUR
            written = 0
            while written < len(member):
                written += self._file.write(member[written:])
        except OSError:
            self._give_up()
            raise
        self._size += len(member)

    def close(self) -> None:
        """Close the file; the next write begins a new one."""
        file, self._file = self._file, None
        if file:
            file.close()

    def _give_up(self) -> None:
        """Close the file after a failed write, since a torn member must be the last of its file."""
        if self._file:
            path, empty = Path(self._file.name), not self._file.tell()
            self.close()
            if empty:
                path.unlink()

    def _begin(self, now: int) -> BinaryIO:
        self._shape.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._forget()
        while True:
            self._named = max(now, self._named + 1)  # names sort by time, also those of the same moment
            stamp = quantd.format_time(self._named, "%Y%m%dT%H%M%S")
            path = self._shape.directory / f"{stamp}{self._named % 1000:03}Z{SUFFIX}"
            with suppress(FileExistsError):
                return path.open("xb", buffering=0)

    def _forget(self) -> None:
        """Delete the oldest files, so that there is room for one more."""
        files = sorted(self._shape.directory.glob(f"*{SUFFIX}"))
        sizes = [path.stat().st_size for path in files]
        over = sum(sizes) + self._shape.rotate - self._shape.keep
        for path, size in zip(files, sizes, strict=True):
            if over <= 0:
                return
            path.unlink()
            over -= size
