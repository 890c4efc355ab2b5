"""The file of alerts."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from quantd.testing import fakes
from quantd_plugins.sinks.file import FileSink


def keys(path: Path) -> list[str]:
    return [msgspec.json.decode(line)["key"] for line in path.read_bytes().splitlines()]


def contents(folder: Path) -> dict[str, list[str]]:
    return {each.name: keys(each) for each in folder.iterdir()}


async def test_each_alert_is_a_line(tmp_path: Path) -> None:
    sink = FileSink(path=str(tmp_path / "alerts.ndjson"))
    await sink.send(fakes.alert(1))
    await sink.send_many([fakes.alert(2), fakes.alert(3)])
    assert keys(tmp_path / "alerts.ndjson") == ["1/firing", "2/firing", "3/firing"]


async def test_calls_that_overlap_do_not_mix_their_lines(tmp_path: Path) -> None:
    sink = FileSink(path=str(tmp_path / "alerts.ndjson"))
    await asyncio.gather(*(sink.send(fakes.alert(number)) for number in range(50)))
    assert sorted(keys(tmp_path / "alerts.ndjson")) == sorted(f"{number}/firing" for number in range(50))


async def test_a_line_that_a_crash_has_cut_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "alerts.ndjson"
    path.write_bytes(b'{"key":"0/fir')
    await FileSink(path=str(path)).send(fakes.alert(1))
    torn, whole = path.read_bytes().splitlines()
    assert torn == b'{"key":"0/fir'
    assert msgspec.json.decode(whole)["key"] == "1/firing"


async def test_large_files_are_kept_under_other_names_and_the_oldest_deleted(tmp_path: Path) -> None:
    path = tmp_path / "alerts.ndjson"
    sink = FileSink(path=str(path), max_mib=1e-6, keep=2)
    for number in range(5):
        await sink.send(fakes.alert(number))
    assert contents(tmp_path) == {
        "alerts.ndjson": ["4/firing"],
        "alerts.ndjson.1": ["3/firing"],
        "alerts.ndjson.2": ["2/firing"],
    }


async def test_a_folder_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await FileSink(path=str(tmp_path / "none" / "alerts.ndjson")).send(fakes.alert())


def test_two_sinks_of_one_file_are_seen_by_its_real_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert FileSink(path="a").places() & FileSink(path=str(tmp_path / "b" / ".." / "a")).places()
    assert not FileSink(path="a").places() & FileSink(path="b").places()
