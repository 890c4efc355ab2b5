"""The state directory: records with transactions, kept values, and a cache. Only one daemon uses a directory at a time."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator, MutableMapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Self

from quantd import salvage
from quantd.blobs import Blobs
from quantd.errors import StateLocked, StateUnusable
from quantd.state.records import Records
from quantd.supervision.losses import Losses

CACHE_BYTES = 256 * 1024**2
_CACHE = {"eviction_policy": "least-recently-used", "size_limit": CACHE_BYTES}
_KEPT = {"eviction_policy": "none", "size_limit": 2**62, "cull_limit": 0, "sqlite_synchronous": 2}
_NOTHING = "Nothing else is lost: it fills again"
_RULES = "Alert rules made by request may be lost: compare GET /alerts with what you have made"


class Prefixed(MutableMapping[str, bytes]):
    """The kept values whose keys begin with a prefix. Callers use keys without the prefix."""

    def __init__(self, kept: MutableMapping[str, bytes], prefix: str) -> None:
        self._kept = kept
        self._prefix = prefix

    def __getitem__(self, key: str) -> bytes:
        return self._kept[self._prefix + key]

    def __setitem__(self, key: str, value: bytes) -> None:
        self._kept[self._prefix + key] = value

    def __delitem__(self, key: str) -> None:
        del self._kept[self._prefix + key]

    def __iter__(self) -> Iterator[str]:
        return (key.removeprefix(self._prefix) for key in self._kept if key.startswith(self._prefix))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class State:
    """An open state directory. `cache` evicts the least recently used values, `kept` evicts nothing; both map str to bytes.

    Open diskcache nowhere else: a Cache does not remember its Disk, and the stock one unpickles.
    """

    def __init__(self, directory: Path, losses: Losses, opened: ExitStack) -> None:
        self.records = opened.enter_context(closing(Records(directory / "quantd.db", losses)))
        self.cache = opened.enter_context(closing(Blobs(directory / "cache", _NOTHING, losses, **_CACHE)))
        self.kept = opened.enter_context(closing(Blobs(directory / "kept", _RULES, losses, **_KEPT)))
        self._opened = opened.pop_all()

    @classmethod
    def open(cls, directory: Path, losses: Losses | None = None) -> Self:
        """Lock the directory, which is created if needed, and open its files. Broken files are set aside, replaced, and reported to
        `losses`.

        Raises StateLocked while another process uses it, StateUnusable if it cannot be written or read, and StateNewer if a later version
        has written it.
        """
        with _explained(directory), ExitStack() as opened:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)
            opened.enter_context(_locked(directory))
            found = losses or Losses()
            _make_room(directory, found)
            return cls(directory, found, opened)

    def close(self) -> None:
        """Close all files and release the lock. A second call does nothing."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _make_room(directory: Path, losses: Losses) -> None:
    """Create the directories that other parts use: compiled kernels, and raw frames."""
    for path in (directory / "kernels", directory / "raw"):
        if os.path.lexists(path) and not path.is_dir():
            losses.found(
                path.name, f"it is no directory. It was set aside as {salvage.set_aside(path)}. Nothing else is lost", record=False
            )


@contextmanager
def _explained(directory: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        text = f"cannot use the state directory {directory}: {error}: mend it or name another state.dir"
        raise StateUnusable(text) from error


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold a lock on the file `lock` in the directory. The kernel releases it when the process ends, however it ends."""
    path = directory / "lock"
    if path.is_dir():
        salvage.set_aside(path)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = file.read().strip() or "unknown"
            raise StateLocked(f"{path} is held by process {holder}: stop that quantd or name another state.dir") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
