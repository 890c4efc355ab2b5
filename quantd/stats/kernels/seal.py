"""Checksums of the compiled code on disk.

Compiled code runs as it is read from disk: if a file is damaged, the process crashes at every start, or its numbers are wrong. The digests
of the files are therefore stored beside them, and a file that does not match its digest is deleted, so that it is compiled again.
"""

from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

SUMS = "SHA256SUMS"
"""Name of the file of digests, in the format of `sha256sum`."""


def seal(directory: Path) -> None:
    """Write the digests of the files as they are now. Raises OSError."""
    sums = "".join(f"{digest}  {path.relative_to(directory)}\n" for path, digest in _digests(directory))
    fresh = directory / f"{SUMS}.new"
    fresh.write_text(sums)
    fresh.replace(directory / SUMS)


def delete_damaged(directory: Path) -> int:
    """Delete the files that have changed since the directory was sealed, and return their number. Raises OSError."""
    try:
        sealed = set((directory / SUMS).read_text().splitlines())
    except (FileNotFoundError, UnicodeDecodeError):
        sealed = set()
    damaged = [path for path, digest in _digests(directory) if f"{digest}  {path.relative_to(directory)}" not in sealed]
    for path in damaged:
        path.unlink(missing_ok=True)
    return len(damaged)


def _digests(directory: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(directory.rglob("*")):
        with suppress(FileNotFoundError):  # another process may share the directory
            if path.is_file() and path.parent != directory:
                yield path, sha256(path.read_bytes()).hexdigest()
