"""The cost of a long window for each regression: a request for a pair's analytics, a live bar, and a backtest.

    python benchmarks/windows.py [--quick] [--rounds 3] [--windows 60 240 500] [--bars 1440] [--only huber …]

`request` is the work of the first `GET /analytics/pair`, including the JSON of the answer, over the bars that it reads: max(3W, W + 20)
and twice the window before them. The legs are generated: a tied pair, and two independent walks. Each request runs in a process of its
own, as the first one after a start: `interpreted` before any kernel is compiled, then `compiled`. `bar` is the share of one bar in the
latter; `peer` is a fit of the same window by the library that most users would choose. `backtest` is the whole process of
`quantd backtest` with two files of bars.

Times are CPU seconds, user and system, of all threads, printed as median (maximum) of the rounds. `interpreted` alone is the time of the
thread that answers, since the compiler may run beside it. Goals end each part: a request takes at most REQUEST_S in the median, a backtest
BACKTEST_S.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.append(sys.path.pop(0))  # last: in this folder the library's `statistics` would be a file of ours

import numpy as np
from goals import row

from quantd.api.schema import figures
from quantd.api.schema.wire import encode
from quantd.clock import EventClock
from quantd.flow.pairs import PairSpec, analyse
from quantd.model import Bar
from quantd.plugin.guard import Guard
from quantd.plugin.loader import load
from quantd.services.analytics import Analysis
from quantd.stats import FloatArray
from quantd.stats.cointegration import engle_granger
from quantd.stats.kernels import compiler
from quantd.stats.spreads import SHORTEST, spread_test
from quantd.testing import fakes

METHODS = ("ols", "huber", "theil-sen", "quantile", "tls", "ridge", "kalman", "rls", "fixed")
GIVEN = {"fixed": {"beta": 2.0}}
LEGS = {"tied": lambda n: fakes.legs(n), "apart": lambda n: (fakes.walk(n, seed=1), fakes.walk(n, seed=2))}
MINUTE = 60_000
REQUEST_S, BACKTEST_S = 1.0, 5.0


def request(spec: PairSpec, legs: tuple[list[Bar], list[Bar]]) -> int:
    """Do the work of `Calculator`, and encode the result. Return the number of points."""
    guard, window = Guard("regression", "all", EventClock()), spec.regression.window
    wanted = max(3 * window, window + SHORTEST)
    points = analyse(*legs, spec, lambda plugin, user: guard)
    shown = points[-(wanted - window + 1) :]
    y, x = (np.array([bar.close for bar in leg[-wanted:]]) for leg in legs)
    tests = engle_granger(y, x), engle_granger(x, y)
    of_y, of_x = np.array([(point.y, point.x) for point in shown]).T
    test = spread_test(of_y, of_x, shown[-1].hedge.beta, log=False)
    encode(figures.pair("Y-X", Analysis(shown, test, *tests)))
    return len(points)


def one_request(method: str, window: int, kind: str) -> dict[str, float]:
    """Return the CPU seconds of the first request, with interpreted kernels, and of one with compiled kernels."""
    n = max(3 * window, window + SHORTEST) + 2 * window
    y, x = LEGS[kind](n)
    legs = fakes.flat_bars(y, symbol="Y"), fakes.flat_bars(x, symbol="X")
    plugin = load().get("regression", method).plugin
    spec = PairSpec("Y-X", "1m", plugin(window=window, **GIVEN.get(method, {})))  # type: ignore[arg-type]
    began = time.thread_time()
    points = request(spec, legs)
    interpreted = time.thread_time() - began
    compiler.compile()
    began = time.process_time()
    request(spec, legs)
    spent = time.process_time() - began
    return {"interpreted": interpreted, "compiled": spent, "bar": spent / points}


def backtest(method: str, window: int, count: int, folder: Path) -> float:
    """Return the CPU seconds of the process."""
    for symbol, prices in zip(("YYY", "XXX"), LEGS["apart"](count), strict=True):
        rows = [f"{fakes.START + MINUTE * at},{price},{price},{price},{price},5" for at, price in enumerate(np.round(prices, 4).tolist())]
        (folder / f"{symbol}.csv").write_text("ts,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    options = ["--pair", "YYY-XXX", "--every", "1m", "--window", str(window), "--regression", method, "--json"]
    options += ["--beta", "1.0"] if method == "fixed" else []
    command = [sys.executable, "-m", "quantd", "backtest", "YYY.csv", "XXX.csv", *options]
    before = os.times()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def peers() -> dict[str, tuple[str, Callable[[FloatArray, FloatArray], object]]]:
    import statsmodels.api as sm
    from scipy.stats import theilslopes

    huber = sm.robust.norms.HuberT(1.35)
    return {
        "ols": ("statsmodels OLS", lambda y, x: sm.OLS(y, sm.add_constant(x)).fit().params),
        "huber": ("statsmodels RLM", lambda y, x: sm.RLM(y, sm.add_constant(x), M=huber).fit().params),
        "theil-sen": ("scipy theilslopes", lambda y, x: theilslopes(y, x)),
        "quantile": ("statsmodels QuantReg", lambda y, x: sm.QuantReg(y, sm.add_constant(x)).fit(0.5).params),
    }


def of_peer(fit: Callable[[FloatArray, FloatArray], object], window: int, kind: str, calls: int = 5) -> float:
    """Return the CPU seconds of one fit of the window."""
    y, x = LEGS[kind](window)
    fit(y, x)
    began = time.process_time()
    for _ in range(calls):
        fit(y, x)
    return (time.process_time() - began) / calls


def alone(method: str, window: int, kind: str) -> dict[str, float]:
    """Run `one_request` in a process of its own, with the kernel cache of this process."""
    done = subprocess.run([sys.executable, __file__, "--one", method, str(window), kind], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def shown(found: Sequence[float], unit: float = 1.0, digits: int = 2) -> str:
    return f"{np.median(found) * unit:,.{digits}f} ({max(found) * unit:,.{digits}f})"


def requests(methods: Sequence[str], windows: Sequence[int], rounds: int) -> None:
    compiler.compile()  # so that the processes find the compiled forms on disk
    known = peers()
    longest: dict[str, float] = {}
    print("| method | window | legs | interpreted, s | compiled, s | bar, µs | peer | its fit, µs | ratio |")
    print("|---|---:|---|---:|---:|---:|---|---:|---:|")
    for method in methods:
        for window in windows:
            for kind in LEGS:
                name, fit = known.get(method, ("–", None))
                both = [(alone(method, window, kind), of_peer(fit, window, kind) if fit else np.nan) for _ in range(rounds)]
                mine = {key: [found[key] for found, _ in both] for key in ("interpreted", "compiled", "bar")}
                theirs = [peer for _, peer in both]
                longest[method] = max(longest.get(method, 0.0), float(np.median(mine["interpreted"])))
                ratio = f"{np.median(theirs) / np.median(mine['bar']):,.0f}" if fit else "–"
                times = f"{shown(mine['interpreted'])} | {shown(mine['compiled'])} | {shown(mine['bar'], 1e6, 0)}"
                peer = shown(theirs, 1e6, 0) if fit else "–"
                print(f"| {method} | {window} | {kind} | {times} | {name} | {peer} | {ratio} |", flush=True)
    print()
    for method, seconds in longest.items():
        row(f"first request, {method}, W <= {max(windows)}, interpreted", seconds, REQUEST_S, " s", most=True)


def backtests(methods: Sequence[str], windows: Sequence[int], rounds: int, count: int) -> None:
    print(f"\nbacktest of {count} bars, CPU seconds of the process\n\n| method | " + " | ".join(map(str, windows)) + " |")
    print("|---|" + "---:|" * len(windows))
    longest = {}
    with TemporaryDirectory() as folder:
        for method in methods:
            found = [[backtest(method, window, count, Path(folder)) for _ in range(rounds)] for window in windows]
            print(f"| {method} | " + " | ".join(map(shown, found)) + " |", flush=True)
            longest[method] = float(np.median(found, axis=1).max())
    print()
    for method, seconds in longest.items():
        row(f"backtest of {count} bars, {method}", seconds, BACKTEST_S, " s", most=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--windows", type=int, nargs="+", default=[60, 240, 500])
    parser.add_argument("--bars", type=int, default=1440, help="of the backtest; 0 for none")
    parser.add_argument("--quick", action="store_true", help="one round of two methods at one window")
    parser.add_argument("--only", nargs="+", default=METHODS, metavar="METHOD")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    warnings.simplefilter("ignore")
    if options.quick:
        options.rounds, options.windows, options.only = 1, [500], ["ols", "huber"]
    if options.one:
        method, window, kind = options.one
        print(json.dumps(one_request(method, int(window), kind)))
        return
    requests(options.only, options.windows, options.rounds)
    if options.bars:
        backtests(options.only, [min(window, 480) for window in options.windows], options.rounds, options.bars)


if __name__ == "__main__":
    main()
