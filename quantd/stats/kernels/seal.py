"""Compiled code is run as it is read from disk: where a file is damaged the process crashes, at every start, or the numbers are wrong. So
the digests of the files are kept beside them, and what does not match is deleted, to be compiled again."""

from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

SUMS = "SHA256SUMS"
"""As `sha256sum` writes and checks it."""


def seal(directory: Path) -> None:
    """Take what is there for good. Raises OSError."""
    sums = "".join(f"{digest}  {path.relative_to(directory)}\n" for path, digest in _digests(directory))
    fresh = directory / f"{SUMS}.new"
    fresh.write_text(sums)
    fresh.replace(directory / SUMS)


def delete_damaged(directory: Path) -> int:
    """Delete the files that are not as they were when the directory was sealed; how many these are. Raises OSError."""
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
