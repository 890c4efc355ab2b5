"""What is told before it is recorded is noted, and outlives a kill."""

from pathlib import Path

from msgspec.structs import replace

from quantd.flow.ahead import Ahead, Note
from quantd.model import Bar
from quantd.testing import fakes


def again(count: int) -> list[Bar]:
    return [replace(bar, revision=1) for bar in fakes.bars(count)]


def test_rows_that_are_told_again_are_noted_until_they_are_recorded(tmp_path: Path) -> None:
    path, bars = tmp_path / "told", again(3)
    ahead = Ahead(path)
    ahead.note("bars", fakes.bars(3))
    assert not path.exists()
    ahead.note("bars", bars)
    ahead.note("bars", bars)
    note = Note("bars", bars[0].symbol, bars[0].every, bars[0].ts, bars[-1].ts)
    assert Ahead(path).left == [note]
    ahead.cut()
    ahead.note("bars", bars[:1])
    ahead.drop()
    assert Ahead(path).left == [note._replace(last=bars[0].ts)]


def test_what_a_killed_run_has_left_stays_until_it_is_told_again(tmp_path: Path) -> None:
    path, bars = tmp_path / "told", again(2)
    Ahead(path).note("bars", bars)
    with path.open("a") as file:
        file.write("nonsense\nbars BTCUSDT 1m 17")
    ahead = Ahead(path)
    (note,) = ahead.left
    ahead.cut()
    ahead.note("points", [replace(point, revision=2) for point in fakes.points(1)])
    ahead.cut()
    ahead.drop()
    assert Ahead(path).left == [note]
    ahead.retold(note)
    assert Ahead(path).left == []


def test_without_a_file_or_a_disk_nothing_is_noted(tmp_path: Path) -> None:
    for path in (None, tmp_path / "missing" / "told"):
        ahead = Ahead(path)
        ahead.note("bars", again(2))
        ahead.cut()
        ahead.drop()
        assert Ahead(path).left == []


def test_what_is_told_again_leaves_the_notes_of_a_batch_that_is_being_recorded(tmp_path: Path) -> None:
    path, bars = tmp_path / "told", again(3)
    Ahead(path).note("bars", bars[:1])
    ahead = Ahead(path)
    (left,) = ahead.left
    ahead.note("bars", bars)
    ahead.cut()
    ahead.retold(left)
    assert Ahead(path).left == [Note("bars", bars[0].symbol, bars[0].every, bars[0].ts, bars[-1].ts)]
    ahead.drop()
    assert Ahead(path).left == []
