"""What plugin authors import, and what importing costs."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import quantd
import quantd.client
import quantd.testing
from tests.conftest import ROOT

FACE = """
Alert AlertSink Bar BookBar COLUMNS Channel Channels Clock Columns ConnectionHealth DaemonJob DaemonView Depth Event EventBars Exporter Feed
FeedHealth FundingRate Gap Hedge HedgeColumns Job Level Listing Loss Mark MarketClock Metric PairJob PairPoint PairView Progress Quality
QuantdError Quote Refused Register Regression RegressionColumns Resampler Retry RowKind RunFacts Secret StateNewer StateUnusable Status
Store Subscription SystemClock Tick TickBatch TickRun Ticker Timeframe Transition cells duration format_time hookimpl iso secret_text
timeframe
"""
STATS = """
__init__: FloatArray IntArray
asynchronous: LeadLag Reason hayashi_yoshida lead_lag
backtest: BoolArray Market Outcome Rules simulate
bars: fills lengthen longest_source merge
calibration: Calibration HeldScores Labels barriers calibration evenly stretches
cointegration: ENOUGH EngleGranger engle_granger
decimals: TradeSums decimal_sum exact fold mean_price
forgetting: Forgetting
funding: Funding Rates USUAL absent as_rates due
health: APART NEWEST Vitals tie vitals
johansen: CRITICAL Deterministic Johansen Two johansen shortest whiteness
judge: Judge LEVER RunBar
kalman: KalmanFilter LEAST_LOG PRIOR
kpss: Kpss kpss
legs: COLLINEAR Legs SHORTEST legs_of
likelihood: Likelihood Noise concentrated most_likely
line: State WalkingLine
mackinnon: SURFACES Trend mackinnon_pvalue
noise: DIFFUSE LearnedNoise SOUND
order: median select
outliers: AROUND SAMPLE STRICT outliers
performance: MayLack Span Summary drawdown funding max_drawdown profit_factor summarise
positions: Carried Costs Deal Position Prices Reason SIZINGS Signal Sizing Trip signal units
quantile: GAIN ON_THE_LINE quantile
reasons: BETAS_TICKS Reason unfit unfit_spread unfit_view
recursion: Recursion Run recursed
regression: ols ols_fit pearson
reversion: Crossings HalfLife Reason SHORTEST VarianceRatio half_life hurst variance_ratio zero_crossings
ridge: ridge
ring: Ring
robust: NEWTON_STEPS huber least_squares
rolling: COLLAPSE FLAT Moments Window exact_sum next_block still
scaling: scaled
sharpe: LEAST_DAYS LEAST_TRADES Sharpe daily_changes sharpe sharpe_of_run variance_of_ratio
slopes: Numbers ROWS Slopes
spreads: SHORTEST SpreadTest spread_test
stationarity: Adf Criterion DEPENDENT ILL_CONDITIONED adf
steadfast: CLIP FilterSettings PLAIN SteadfastFilter
sums: Fixed Sums sums_of
theil_sen: ALL_PAIRS RollingTheilSen theil_sen
ticks: RESOLVED bound_tick grid
total: orthogonal
unit_root: QUANTILES SIZES TABLE phi_between phis
zscore: BETA_ERROR CANCELS Gauge Level Measure NORMAL_MAD Priced TICK_TIE TIE VANISHES ZScore deviation of_closes of_spreads plain priced
    robust rounding tied weighted weights_of
"""
"""The public names of each module of quantd.stats, which plugins import, too; its kernels are no part of it."""
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


def test_the_public_names_of_the_statistics_are_these() -> None:
    pinned = {module: names.split() for module, names in re.findall(r"^(\w+):((?:\s+\w+\b(?!:))+)", STATS, re.MULTILINE)}
    assert {path.stem: public(path) for path in sorted((ROOT / "quantd/stats").glob("*.py"))} == pinned


def public(path: Path) -> list[str]:
    """The names without an underscore that a module binds itself, imports left out."""
    names: set[str] = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
    return sorted(name for name in names if not name.startswith("_"))


def test_the_public_names_for_tests_of_plugins_are_these() -> None:
    assert quantd.testing.__all__ == ["load_plugins"]
    assert all(callable(getattr(quantd.testing, name)) for name in quantd.testing.__all__)
    assert public(ROOT / "quantd/testing/bench.py") == ["Bench", "KeptRows", "Venue", "pair_config"]
    assert {"alert", "bars", "flat_bars", "points", "tick", "ticks"} < set(public(ROOT / "quantd/testing/fakes.py"))


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(quantd, "no_such_name")


def test_importing_quantd_loads_nothing_heavy() -> None:
    assert loaded_by(IMPORT) & HEAVY == set()


def test_a_public_name_loads_what_it_needs() -> None:
    assert loaded_by("from quantd import Tick") & HEAVY == {"msgspec"}


CLIENT = "Analytics Client ClientError Forbidden Hole Lagged Refused Stream TooMany Unauthorized Unreachable connect sync to_df when"
ROWS = "AlertRow BarRow BookRow LogRow PointRow QualityRow TradeRow"


def test_the_public_names_of_the_client_are_these() -> None:
    assert sorted(f"{CLIENT} {ROWS}".split()) == dir(quantd.client)
    assert [name for name in dir(quantd.client) if getattr(quantd.client, name, None) is None] == []


def test_the_client_is_imported_without_the_daemon() -> None:
    code = "import quantd.client.sync; names = [*map(quantd.client.__getattr__, dir(quantd.client))]"
    assert loaded_by(code) & (HEAVY - {"asyncio", "msgspec"}) == set()


def test_the_version_is_told_without_the_numerics() -> None:
    assert loaded_by(VERSION) & (HEAVY - {"asyncio", "msgspec", "pluggy"}) == set()
