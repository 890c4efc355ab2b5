"""Appends alerts to a file."""

import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Annotated

from msgspec import Meta

import quantd
from quantd_plugins.sinks.parts.message import as_json
from quantd_plugins.sinks.parts.threads import Threads

_MIB = 1024**2


class FileSink(quantd.AlertSink):
    """Appends each alert to a file, as JSON on one line with the keys of the webhook's body, and waits until it is on disk.

    A file that has grown beyond `max_mib` becomes `PATH.1`, an earlier one `PATH.2` and so on; `keep` of them remain. What was cut off by a
    crash is a line of its own.
    """

    path: Annotated[str, Meta(min_length=1, description="The file; relative to the working directory.")] = "alerts.ndjson"
    max_mib: Annotated[float, Meta(gt=0, description="The size (MiB) from which on a new file is begun.")] = 100.0
    keep: Annotated[int, Meta(ge=1, le=1000, description="How many earlier files are kept.")] = 5

    def __post_init__(self) -> None:
        self._threads = Threads()
        self._path = Path(self.path).expanduser()
        self._lock = Lock()

    def places(self) -> frozenset[str]:
        real = os.path.realpath(self._path)
        return frozenset({real, *(f"{real}.{number}" for number in range(1, self.keep + 1))})

    async def send(self, alert: quantd.Alert) -> None:
        await self.send_many([alert])

    async def send_many(self, alerts: Sequence[quantd.Alert]) -> None:
        await self._threads.run(self._append, b"".join(as_json(alert) + b"\n" for alert in alerts))

    def _append(self, lines: bytes) -> None:
        """Append whole lines. The file is opened each time, since another program may have moved it."""
        with self._lock:
            self._rotate()
            is_new = not self._path.exists()
            with self._path.open("ab") as file:
                file.write(b"\n" + lines if self._is_torn() else lines)
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                _sync_folder(self._path.parent)

    def _is_torn(self) -> bool:
        with self._path.open("rb") as file:
            if not file.seek(0, os.SEEK_END):
                return False
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"

    def _rotate(self) -> None:
        if not self._path.exists() or self._path.stat().st_size < self.max_mib * _MIB:
            return
        names = [self._path, *(self._path.with_name(f"{self._path.name}.{number}") for number in range(1, self.keep + 1))]
        for older, newer in zip(names[:0:-1], names[-2::-1], strict=True):
            if newer.exists():
                newer.replace(older)
        _sync_folder(self._path.parent)


def _sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@quantd.hookimpl
def register_sinks(register: quantd.Register[quantd.AlertSink]) -> None:
    register("file", FileSink)
