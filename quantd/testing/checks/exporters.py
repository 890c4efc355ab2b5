"""The checks of exporters. Only exporters that write files, in their field `dir`, are run: others may need a server."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import msgspec

from quantd.flow.exports import Rows
from quantd.model import Bar, PairPoint, Tick
from quantd.plugin.base import Exporter, Plugin, RowKind
from quantd.testing import fakes

METRICS = ("adf_stat",)


def writes_files(cls: type[Plugin]) -> bool:
    return issubclass(cls, Exporter) and "dir" in cls.__struct_fields__


def kinds_exist(exporter: Exporter) -> None:
    assert exporter.kinds, "`kinds` is empty"
    assert set(exporter.kinds) <= set(get_args(RowKind)), f"kinds {exporter.kinds}: there are {', '.join(get_args(RowKind))}"


def writes_all_its_kinds(exporter: Exporter) -> None:
    with _own_directory(exporter) as directory:
        _life(exporter, directory, _rows())
        assert any(path.stat().st_size for path in directory.rglob("*") if path.is_file()), "wrote nothing below `dir`"


def opens_and_closes_without_a_row(exporter: Exporter) -> None:
    with _own_directory(exporter) as directory:
        _life(exporter, directory, {})


def goes_on_in_a_used_directory(exporter: Exporter) -> None:
    with _own_directory(exporter) as directory:
        for _ in range(2):
            _life(exporter, directory, _rows())


def goes_on_after_a_release(exporter: Exporter) -> None:
    """Check that a pair that was dropped can be added again."""
    sizes = []
    for halves in (1, 2):
        with _own_directory(exporter) as directory:
            fresh = msgspec.structs.replace(exporter, dir=str(directory))
            fresh.open(METRICS)
            for half in range(halves):
                for kind, rows in _halves(fresh, half).items():
                    fresh.write(kind, rows)
                for name in ("", *dict.fromkeys(row.pair if isinstance(row, PairPoint) else row.symbol for row in _each_series())):
                    fresh.release(name)
            fresh.close()
            sizes.append(sum(path.stat().st_size for path in directory.rglob("*") if path.is_file()))
    assert sizes[1] > sizes[0], "what was written after `release` is not there"


def tells_its_places(exporter: Exporter) -> None:
    """Check `places`. A folder can have several paths: different paths must not hide that two exporters write to the same folder."""
    with _own_directory(exporter) as directory, _own_directory(exporter) as other:
        (link := other / "link").symlink_to(directory)
        places = msgspec.structs.replace(exporter, dir=str(directory)).places()
        for name in (directory / ".." / directory.name, link):
            found = msgspec.structs.replace(exporter, dir=str(name)).places()
            assert found == places, f"`places` tells {sorted(found)} of the folder that it calls {sorted(places)}: take `os.path.realpath`"
        assert places, "`places` is empty, so two such exporters could write to the same files"
        elsewhere = places & msgspec.structs.replace(exporter, dir=str(other)).places()
        assert not elsewhere, f"`places` tells {sorted(elsewhere)} whatever `dir` is"


def _life(exporter: Exporter, directory: Path, rows: Mapping[RowKind, list[Rows]]) -> None:
    """Run a fresh instance from `open` to `close`."""
    fresh = msgspec.structs.replace(exporter, dir=str(directory))
    fresh.open(METRICS)
    for kind in fresh.kinds:
        for batch in rows.get(kind, ()):
            fresh.write(kind, batch)
    fresh.close()


def _halves(exporter: Exporter, half: int) -> dict[RowKind, Rows]:
    rows: dict[RowKind, Rows] = {"ticks": fakes.ticks(20), "bars": fakes.bars(20), "points": fakes.points(20)}
    return {kind: rows[kind][10 * half : 10 * half + 10] for kind in exporter.kinds}


def _each_series() -> list[Tick | Bar | PairPoint]:
    return [*fakes.ticks(20), *fakes.bars(20), *fakes.points(20)]


def _rows() -> dict[RowKind, list[Rows]]:
    """Return each kind of row in batches, the last of which replaces a row."""
    bars, points = fakes.bars(20), fakes.points(20)
    return {
        "ticks": [fakes.ticks(20)],
        "bars": [bars, [msgspec.structs.replace(bars[-1], revision=1)]],
        "points": [points, [msgspec.structs.replace(points[-1], revision=1)]],
    }


@contextmanager
def _own_directory(exporter: Exporter) -> Iterator[Path]:
    with TemporaryDirectory(prefix=f"quantd-{type(exporter).__name__}-") as name:
        yield Path(name)


CHECKS = (kinds_exist,)
FILE_CHECKS = (writes_all_its_kinds, opens_and_closes_without_a_row, goes_on_in_a_used_directory, goes_on_after_a_release, tells_its_places)
