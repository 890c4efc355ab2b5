"""Interpreted and compiled, a kernel gives the same bits; and what cannot be compiled still works."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from quantd.stats import FloatArray
from quantd.stats.kernels import Compiler, compiler
from quantd.stats.kernels.adf import dickey_fuller
from quantd.stats.kernels.huber import huber_line
from quantd.stats.kernels.seal import SUMS, delete_damaged, seal
from quantd.stats.regression import ols_fit
from quantd.stats.robust import huber
from quantd.testing import fakes
from tests.waiting import alive, until

TELLING = """
from quantd.stats.kernels import Compiler
shop = Compiler()
shop.tell = lambda: print("told")

@shop.kernel("float64(float64)")
def twice(value):
    return 2.0 * value

@shop.kernel("float64(float64)")
def thrice(value):
    return 3.0 * value

shop.compile()
assert (twice(2.0), thrice(2.0), shop.failure) == (4.0, 6.0, None)
"""
TWICE = """
from quantd.stats.kernels import kernel

@kernel("float64(float64)")
def twice(value):
    return 2.0 * value
"""
SCRIPT = """
import sys
from pathlib import Path
from of_test import twice
from quantd.stats.kernels import PATIENCE_S, compiler

compiler.count(PATIENCE_S)
assert twice(2.0) == 4.0
compiler.allow(Path(sys.argv[1]), "compiling")
assert "numba" not in sys.modules
while twice.compiled is None and compiler.failure is None:
    assert twice(2.0) == 4.0
print(compiler.failure or twice(2.0))
sys.exit(compiler.failure is not None)
"""
ENDLESS = """
import signal, sys
if sys.modules["__main__"].__spec__:
    signal.pause()
"""
BEGIN = """
import of_test
from quantd.stats.kernels import compiler
from quantd.stats.kernels.adf import dickey_fuller
compiler.kernels[0].function.__module__ = "of_test"
print(compiler.begin().pid)
"""


def adf_answers() -> list[object]:
    chance = np.random.default_rng(0)
    series = [chance.normal(size=20 + seed).cumsum() * 10.0 ** (seed % 9 - 4) for seed in range(120)]
    odd = [np.full(60, 5.0), np.arange(60.0), np.tile([1.0, -1.0], 30), np.append(fakes.walk(59), 1e9), np.append(fakes.walk(59), np.nan)]
    settings = [(trends, search, bic) for trends in (0, 1, 2) for search in (True, False) for bic in (True, False)]
    return [
        dickey_fuller(each, *(trends, most, search, bic, 1e-12, 1e-5))
        for number, each in enumerate(series + odd)
        for most in {0, 6, number % (len(each) // 3)}
        for trends, search, bic in settings
    ]


def huber_answers() -> list[object]:
    chance = np.random.default_rng(0)
    found: list[object] = []
    for seed in range(120):
        x = 100.0 + chance.normal(size=10 + seed).cumsum()
        y = 2.0 * x + chance.standard_t(1.5, size=len(x))
        line = ols_fit(y, x)
        assert line
        found += [huber_line(y, x, line.beta, 1.0 + seed / 60, steps) for steps in (0, 40)]
    return found


def wild_windows(count: int) -> Iterator[tuple[FloatArray, FloatArray, float]]:
    """y, x and an epsilon; deviations with heavy tails."""
    chance = np.random.default_rng(1)
    for _ in range(count):
        n = int(chance.integers(20, 120))
        x = 100.0 + chance.normal(size=n).cumsum()
        y = 2.0 * x + chance.standard_t(chance.choice([1.0, 1.5, 3.0, 30.0]), size=n) * chance.choice([0.01, 1.0, 50.0])
        yield y, x, 1.0 + chance.random()


def test_compiled_kernels_give_the_same_bits() -> None:
    compiler.compile()  # first: interpreted work would have it begin in the middle
    forms = [each.compiled for each in compiler.kernels]
    on_arrays = [each.interpreted for each in compiler.kernels]
    for each in compiler.kernels:
        each.compiled = None
    try:
        interpreted = (adf_answers(), huber_answers())
        for each in compiler.kernels:
            each.interpreted = each.function
        loops = (adf_answers(), huber_answers())
    finally:
        for each, form, other in zip(compiler.kernels, forms, on_arrays, strict=True):
            each.compiled, each.interpreted = form, other
    assert compiler.failure is None
    assert all(each.compiled for each in compiler.kernels)
    assert (adf_answers(), huber_answers()) == interpreted
    assert loops == interpreted


def test_what_does_not_compile_stays_interpreted(tmp_path: Path) -> None:
    shop = Compiler()
    shop.allow(tmp_path)

    @shop.kernel("float64(text)")
    def twice(value: float) -> float:
        return 2.0 * value

    with pytest.warns(RuntimeWarning, match="numerics stay interpreted"):
        shop.compile()
    assert shop.failure
    shop.compile()
    assert twice(2.0) == 4.0


def ran(folder: Path, module: str, script: str = SCRIPT) -> "subprocess.CompletedProcess[str]":
    """Run a script, which imports the module `of_test` beside it, with the cache `cache` beside it."""
    (folder / "of_test.py").write_text(module)
    (folder / "script.py").write_text(script)
    return subprocess.run([sys.executable, folder / "script.py", folder / "cache"], capture_output=True, text=True, check=False)


def test_a_process_beside_compiles_once_it_pays_and_says_so_the_first_time(tmp_path: Path) -> None:
    runs = [ran(tmp_path, TWICE) for _ in range(2)]
    assert [(run.returncode, run.stderr) for run in runs] == [(0, "compiling\n"), (0, "")]


def test_what_does_not_compile_beside_stays_interpreted(tmp_path: Path) -> None:
    run = ran(tmp_path, TWICE.replace("float64(", "text("))
    assert (run.returncode, run.stdout) == (1, "the process that compiles ended with 1\n")
    assert "numerics stay interpreted" in run.stderr


async def test_the_process_that_compiles_ends_with_the_work(tmp_path: Path) -> None:
    run = ran(tmp_path, ENDLESS, BEGIN)
    assert run.returncode == 0, run.stderr
    await until(lambda: not alive(int(run.stdout)))


def test_reweighting_ends_where_newton_does() -> None:
    for seed in range(5):
        y, x = fakes.legs(60, seed=seed)
        y[::9] += 3.0
        line = ols_fit(y, x)
        assert line
        newton, reweighted = (huber_line(y, x, line.beta, 1.35, steps) for steps in (40, 0))
        assert reweighted == pytest.approx(newton, rel=1e-7)
        hedge = huber(y, x)
        assert hedge
        assert (hedge.alpha, hedge.beta, hedge.stderr) == newton


def test_the_line_does_not_depend_on_where_it_starts() -> None:
    for y, x, epsilon in wild_windows(2_000):
        line = ols_fit(y, x)
        assert line
        answers = {huber_line(y, x, line.beta * factor, epsilon, 40) for factor in (1.0, 0.99, -1.0, 3.0)}
        assert len(answers) == 1, (y, x, epsilon)


ALONE = """
import sys; from pathlib import Path; from quantd.stats.kernels import Compiler
shop = Compiler()
shop.allow(Path(sys.argv[1]))
@shop.kernel("float64(float64)")
def twice(value):
    return 2.0 * value
shop.compile()
assert shop.failure is None, shop.failure
assert twice.compiled(2.0) == 4.0
"""


def test_compiled_code_that_is_damaged_is_not_run(tmp_path: Path) -> None:
    script, cache = tmp_path / "alone.py", tmp_path / "kernels"
    script.write_text(ALONE)

    def run() -> dict[Path, bytes]:
        done = subprocess.run([sys.executable, script, cache], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return {path: path.read_bytes() for path in cache.rglob("*") if path.is_file()}

    made = run()
    (code,) = [path for path in made if path.suffix == ".nbc"]
    assert run() == made  # it is used again
    for size in (4_096, len(made[code])):
        code.write_bytes(made[code][: len(made[code]) - size] + bytes(size))
        run()
        assert not code.read_bytes().endswith(bytes(size))
    (cache / SUMS).write_bytes(b"\xff\x00")
    run()
    assert b".nbc" in (cache / SUMS).read_bytes()


def test_only_what_is_damaged_is_deleted(tmp_path: Path) -> None:
    (tmp_path / "of a module").mkdir()
    one, other, late = (tmp_path / "of a module" / name for name in ("one", "other", "late"))
    one.write_bytes(b"code")
    other.write_bytes(b"more code")
    seal(tmp_path)
    assert delete_damaged(tmp_path) == 0
    other.write_bytes(b"more c0de")
    late.write_bytes(b"written by a process that was killed")
    assert delete_damaged(tmp_path) == 2
    assert [path.name for path in one.parent.iterdir()] == ["one"]


def test_compiling_is_told_where_there_is_no_cache_yet(tmp_path: Path) -> None:
    script = tmp_path / "compile.py"
    script.write_text(TELLING)
    environ = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    told = [subprocess.run([sys.executable, script], env=environ, check=True, capture_output=True, text=True).stdout for _ in range(2)]
    assert told == ["told\n", ""]
