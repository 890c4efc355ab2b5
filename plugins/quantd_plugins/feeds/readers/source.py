"""The lines of one file, whatever it is packed in."""

import gzip
import io
import os
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

import quantd

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BUFFER = 1 << 16
LONGEST_LINE = 1 << 20
DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile)


class Unpacked(io.RawIOBase):
    """What an unpacker gives in one go: a read that tried to fill its buffer would lose what comes just before a damage."""

    def __init__(self, unpacker: io.BufferedIOBase) -> None:
        self._unpacker = unpacker

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        return self._unpacker.readinto1(buffer)


class Source:
    """A plain, gzip or zip file, told apart by its first bytes."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.damage: str | None = None
        """Why the rest of the file cannot be unpacked, once its last readable line is out."""
        try:
            self._raw = io.FileIO(path)
        except OSError as error:
            raise quantd.QuantdError(f"replay: cannot open {path}: {error.strerror}; check `files`") from error
        self.size = os.fstat(self._raw.fileno()).st_size
        try:
            self._unpacked = self._unpack()
        except (zipfile.BadZipFile, RuntimeError) as error:
            self._raw.close()
            raise quantd.QuantdError(f"replay: cannot unpack {path}: {error}; fetch or pack it again") from error

    def _unpack(self) -> io.BufferedIOBase:
        magic = self._raw.read(4)
        self._raw.seek(0)
        if magic.startswith(b"\x1f\x8b"):
            return io.BufferedReader(Unpacked(gzip.GzipFile(fileobj=self._raw)), BUFFER)
        if magic == b"PK\x03\x04":
            return io.BufferedReader(Unpacked(_only_member(zipfile.ZipFile(self._raw))), BUFFER)
        return io.BufferedReader(self._raw, BUFFER)

    @property
    def position(self) -> int:
        """Bytes read so far, as packed."""
        return self.size if self._raw.closed else self._raw.tell()

    def lines(self) -> Iterator[bytes]:
        """Every line that can be unpacked; overlong ones come in pieces, so that memory stays bounded."""
        try:
            yield from iter(partial(self._unpacked.readline, LONGEST_LINE), b"")
        except DAMAGE as error:
            self.damage = str(error)

    def close(self) -> None:
        """Waits for a read under way in another thread, whose next one then fails."""
        self._unpacked.close()
        self._raw.close()


def _only_member(archive: zipfile.ZipFile) -> io.BufferedIOBase:
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) != 1:
        raise zipfile.BadZipFile(f"it holds {len(members)} files instead of one")
    return cast(io.BufferedIOBase, archive.open(members[0]))
