"""`quantd replay` as a process: the same bytes whatever the batches and the hash seed, and a good guest in any folder."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from quantd_plugins.stores.local import Local
from tests.scenarios import markets, oracle
from tests.scenarios.conftest import Replay
from tests.scenarios.test_random_files import DAWN, captures

PAIRS = ("--pair", "AAAUSDT-BBBUSDT", "--pair", "CCCUSDT-BBBUSDT")
CHOICE = (*PAIRS, "--every", "1s", "--every", "1m", "--window", "20")
MIB = 1024


def command(folder: Path, files: Sequence[Path], *options: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """The installed command, in `folder`."""
    arguments = [sys.executable, "-m", "quantd", "replay", *map(str, [*files, *options])]
    done = subprocess.run(arguments, cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def written(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in ("bars.csv", "points.csv")]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return captures(tmp_path, np.random.default_rng(11))


def test_batches_of_any_size_give_the_same_bytes(files: list[Path], replay: Replay, tmp_path: Path) -> None:
    for chunk in (1, 7, 1000, 100_000):
        replay(files, *CHOICE, "--out", tmp_path / str(chunk), "--chunk", chunk)
    wanted = written(tmp_path / "1000")
    assert all(written(tmp_path / str(chunk)) == wanted for chunk in (1, 7, 100_000))
    revisions = [line.rpartition(b",")[2] for line in wanted[0].splitlines()[1:]]
    assert any(revision != b"0" for revision in revisions), "disorder must re-issue bars"


def test_the_hash_seed_makes_no_difference(files: list[Path], tmp_path: Path) -> None:
    for seed in ("0", "1", "random"):
        command(tmp_path, files, *CHOICE, "--out", tmp_path / seed, PYTHONHASHSEED=seed)
    assert written(tmp_path / "0") == written(tmp_path / "1") == written(tmp_path / "random")


def test_it_runs_in_an_empty_folder_and_keeps_stdout_for_the_summary(files: list[Path], tmp_path: Path) -> None:
    cwd = tmp_path / "elsewhere"
    cwd.mkdir()
    done = command(cwd, files, *CHOICE)
    assert list(cwd.iterdir()) == []
    assert "symbol" in done.stdout
    assert "AAAUSDT" in done.stdout
    assert "symbol" not in done.stderr


def test_the_store_holds_every_tick_bar_and_point(files: list[Path], replay: Replay, tmp_path: Path) -> None:
    replay(files, *CHOICE, "--out", tmp_path / "out", "--store", tmp_path / "kept")
    store = Local(dir=str(tmp_path / "kept"))
    store.open(tmp_path)
    trades = oracle.trades(files)
    for symbol, of in trades.groupby("symbol"):
        kept = store.ticks(symbol, 0, 2**60)
        assert kept["id"].tolist() == of.id.tolist()
        assert kept["price"].tolist() == of.price.tolist()
    bars, points = ([line.split(",") for line in lines.decode().splitlines()[1:]] for lines in written(tmp_path / "out"))
    for symbol in trades.symbol.unique():
        for every in ("1s", "1m"):
            wanted = [(int(row[2]), float(row[6]), int(row[-1])) for row in bars if row[:2] == [symbol, every]]
            assert [(bar.ts, bar.close, bar.revision) for bar in store.bars(symbol, every, 0, 2**60)] == sorted(wanted)
    told = [(int(row[2]), float(row[3])) for row in points if row[:2] == ["AAAUSDT-BBBUSDT", "1s"]]
    assert [(point.ts, point.hedge.beta) for point in store.points("AAAUSDT-BBBUSDT", "1s", 0, 2**60)] == sorted(told)
    store.close()


@pytest.mark.soak
@pytest.mark.parametrize("write", [markets.capture, markets.ndjson])
def test_memory_does_not_grow_with_the_length(write: object, tmp_path: Path) -> None:
    short, long = (_peak(tmp_path / str(times), write, times) for times in (1, 8))
    assert long - short < 20 * MIB, f"{short} KiB, then {long} KiB"


def _peak(folder: Path, write: object, times: int) -> int:
    """Peak memory of a replay, KiB, as the kernel tells it. One hour a unit of length: more than `reopen` and the memory of recent bars."""
    folder.mkdir()
    rng = np.random.default_rng(1)
    legs = [markets.walk(rng, symbol, DAWN, DAWN + times * 4_000_000, times * 12_000, 50.0) for symbol in ("AAAUSDT", "BBBUSDT")]
    path = write(folder / "trades.ndjson", rng, [trade for leg in legs for trade in leg], late=0.001)  # type: ignore[operator]
    script = (
        "import resource, subprocess, sys\n"
        "subprocess.run([sys.executable, '-m', 'quantd', 'replay', *sys.argv[1:]], check=True, stdout=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    options = ["--pair", "AAAUSDT-BBBUSDT", "--every", "1s", "--every", "1m", "--out", str(folder / "out")]
    done = subprocess.run([sys.executable, "-c", script, str(path), *options], capture_output=True, text=True, check=True)
    return int(done.stdout)
