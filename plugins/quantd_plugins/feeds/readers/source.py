"""The lines of one file, whatever its compression."""

import codecs
import gzip
import io
import os
import re
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
BOM = codecs.BOM_UTF8
DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile)
_ZIP = b"PK\x03\x04"
_wide = re.compile(rb"\xff\xfe|\xfe\xff|[^\0]\0[^\0]\0|\0[^\0]\0[^\0]").match
"""A byte order mark of UTF-16, or two letters without one."""


class Unpacked(io.RawIOBase):
    """Reads the output of an unpacker without filling the buffer: a read that filled it would lose the data just before a damaged part."""

    def __init__(self, unpacker: io.BufferedIOBase) -> None:
        self._unpacker = unpacker

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        return self._unpacker.readinto1(buffer)


class Source:
    """A plain or gzip file, or a member of a zip file; the first bytes tell which. `member` names the member if there are several."""

    def __init__(self, path: str, member: str | None = None) -> None:
        self.path = f"{path}/{member}" if member else path
        self.damage: str | None = None
        """The reason why the rest of the file cannot be unpacked, set after its last readable line."""
        self._of = path, member
        self._raw = _opened(path)
        self._begin, self.size = 0, os.fstat(self._raw.fileno()).st_size
        try:
            self._unpacked = self._unpack(member)
        except (zipfile.BadZipFile, RuntimeError, KeyError) as error:
            self._raw.close()
            raise quantd.QuantdError(f"replay: cannot unpack {self.path}: {error}; fetch or pack it again") from error

    def again(self) -> "Source":
        """Return the same source, from its beginning."""
        return Source(*self._of)

    def _unpack(self, member: str | None) -> io.BufferedReader:
        magic = self._raw.read(4)
        self._raw.seek(0)
        if magic.startswith(b"\x1f\x8b"):
            return io.BufferedReader(Unpacked(gzip.GzipFile(fileobj=self._raw)), BUFFER)
        if magic == _ZIP:
            return io.BufferedReader(Unpacked(self._member(zipfile.ZipFile(self._raw), member)), BUFFER)
        return io.BufferedReader(self._raw, BUFFER)

    def _member(self, archive: zipfile.ZipFile, name: str | None) -> io.BufferedIOBase:
        chosen = archive.getinfo(name) if name else _members(archive)[0]
        if name:
            self._begin, self.size = chosen.header_offset, chosen.compress_size
        return cast(io.BufferedIOBase, archive.open(chosen))

    @property
    def position(self) -> int:
        """Return the number of packed bytes read so far."""
        return self.size if self._raw.closed else min(self.size, max(0, self._raw.tell() - self._begin))

    def lines(self) -> Iterator[bytes]:
        """Yield every line that can be unpacked, without a byte order mark; overlong lines come in pieces, so that memory stays
        bounded. Raises QuantdError for text in another encoding.
        """
        try:
            if _wide(self._unpacked.peek(4)):
                raise quantd.QuantdError(f"replay: {self.path} is text in UTF-16: save it as UTF-8 (iconv -f UTF-16 -t UTF-8 does that)")
            if first := self._unpacked.readline(LONGEST_LINE).removeprefix(BOM):
                yield first
            yield from iter(partial(self._unpacked.readline, LONGEST_LINE), b"")
        except DAMAGE as error:
            self.damage = str(error)

    def close(self) -> None:
        """Close the file. Waits for a read under way in another thread, whose next read then fails."""
        self._unpacked.close()
        self._raw.close()


def sources(path: str) -> Iterator[Source]:
    """Return the file, or each member of a zip file. Raises QuantdError."""
    with _opened(path) as raw:
        if raw.read(4) != _ZIP:
            names: list[str | None] = [None]
        else:
            try:
                members = _members(zipfile.ZipFile(raw))
            except zipfile.BadZipFile as error:
                raise quantd.QuantdError(f"replay: cannot unpack {path}: {error}; fetch or pack it again") from error
            names = [member.filename for member in members] if len(members) > 1 else [None]
    return (Source(path, name) for name in names)


def _opened(path: str) -> io.FileIO:
    try:
        return io.FileIO(path)
    except OSError as error:
        what = "is a folder: name the files in it" if os.path.isdir(path) else f"{error.strerror}: check its name, folder and permissions"
        raise quantd.QuantdError(f"replay: cannot open {path}: {what}") from error


def _members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return the members of an archive, by name, without those that systems and publishers add."""
    beside = re.compile(r"(^|/)(__MACOSX/|\.)|\.CHECKSUM$")
    members = [member for member in archive.infolist() if not (member.is_dir() or beside.search(member.filename))]
    if not members:
        raise zipfile.BadZipFile("it holds no file")
    return sorted(members, key=lambda member: member.filename)
