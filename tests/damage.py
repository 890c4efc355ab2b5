"""What may happen to a file: each page of it overwritten, its end cut off, all of it gone or replaced."""

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

PAGE = 4096
Damage = Callable[[Path], None]


def pages(path: Path, most: int = 10_000, seed: int = 1) -> Iterator[tuple[str, Damage]]:
    """Each page of a file, or so many of them that are drawn, overwritten with zeros, and with random bytes."""
    count = -(-path.stat().st_size // PAGE)
    rng = random.Random(seed)
    for page in sorted(rng.sample(range(count), min(most, count))):
        yield f"page {page + 1} of {count} zeroed", overwriting(page, bytes(PAGE))
        yield f"page {page + 1} of {count} random", overwriting(page, rng.randbytes(PAGE))


def overwriting(page: int, with_these: bytes) -> Damage:
    def damage(path: Path) -> None:
        with path.open("r+b") as file:
            size = file.seek(0, 2)
            file.seek(page * PAGE)
            file.write(with_these[: size - page * PAGE])

    return damage


def whole(path: Path) -> Iterator[tuple[str, Damage]]:
    """What may happen to all of a file."""
    size = path.stat().st_size
    for left in sorted({1, 100, PAGE, size // 2, size - 1, size - PAGE} - {0, -1, size}):
        if 0 < left < size:
            yield f"cut to {left} of {size} bytes", lambda file, left=left: _cut(file, left)  # type: ignore[misc]
    yield "emptied", lambda file: _cut(file, 0)
    yield "another file", _into_text
    yield "a directory", _into_directory


def _into_text(path: Path) -> None:
    path.write_text("not a database" * 1000)


def _cut(path: Path, left: int) -> None:
    with path.open("r+b") as file:
        file.truncate(left)


def _into_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "something").write_text("in it")


def copied(good: Path, place: Path) -> Path:
    """A fresh copy of a directory."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(good, place)
    return place
