"""What plugin authors import, and what importing costs."""

import subprocess
import sys

import quantd

FACE = """
Alert AlertSink Bar BookBar COLUMNS Clock Columns ConnectionHealth DaemonJob DaemonView Depth Event EventBars Exporter Extra Extras Feed
FeedHealth FundingRate Gap Hedge Job Kind Level Listing Loss Mark MarketClock Metric PairJob PairPoint PairView Progress QuantdError
Quality Quote Register Regression Resampler StateNewer StateUnusable Status Store SystemClock Tick Ticker Timeframe Transition Wants cells
duration hookimpl timeframe
"""
HEAVY = {"aiohttp", "asyncio", "duckdb", "msgspec", "numba", "numpy", "pandas", "pluggy", "pykalman", "scipy", "sklearn", "statsmodels"}
IMPORT = "import quantd"
VERSION = """
import sys
from quantd.cli import main
sys.argv = ["quantd", "--version"]
try:
    main()
except SystemExit as done:
    assert not done.code
"""


def loaded_by(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after running the code."""
    report = "\nimport sys; print(); print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_the_public_names_are_these() -> None:
    assert sorted(FACE.split()) == dir(quantd)


def test_every_public_name_is_there() -> None:
    assert [name for name in dir(quantd) if getattr(quantd, name, None) is None] == []


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(quantd, "no_such_name")


def test_importing_quantd_loads_nothing_heavy() -> None:
    assert loaded_by(IMPORT) & HEAVY == set()


def test_a_public_name_loads_what_it_needs() -> None:
    assert loaded_by("from quantd import Tick") & HEAVY == {"msgspec"}


def test_the_version_is_told_without_the_numerics() -> None:
    assert loaded_by(VERSION) & (HEAVY - {"asyncio", "msgspec", "pluggy"}) == set()
