"""Steps: their times, what is said about bad ones, and that a seed and steps make a ledger."""

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from quantd.simulator.faults.active import ActiveFaults
from quantd.simulator.faults.catalogue import KINDS
from quantd.simulator.faults.fault import World
from quantd.simulator.faults.schedule import FaultSchedule
from quantd.simulator.faults.spec import FaultSpecError
from quantd.simulator.faults.step_times import StepTimes, check
from quantd.simulator.scenario import BUILT_IN, ScenarioError, load, parse
from quantd.simulator.steps import Span, Step
from tests.simulator.support import EPOCH, Simulator, command, exchange
from tests.waiting import PATIENCE_S

from .support import BTC, ask, ids, tailed, until_behind

MARKET = """
push_ms: 20
symbols:
  BTCUSDT: {level: 90000, tick: 0.1, step: 0.001, rate: 200}
  ETHUSDT: {level: 3200, tick: 0.01, step: 0.001, rate: 50}
end: 900ms
steps:
  - {at: 200ms, fault: {kind: halt, match: {symbol: ETHUSDT}, for: 150ms}}
  - {every: 250ms, jitter: 50ms, fault: {kind: engine_restart, params: {down_ms: 60, burst: 20, burst_ms: 20}}}
  - {at: 600ms, fault: {kind: flood, params: {rate_per_s: 2000}, for: 100ms}}
"""
FRAMES = """
  - {every: 100ms, fault: {kind: disconnect, params: {mode: random}}}
  - {at: 100ms, fault: {kind: drop, match: {prob: 0.5}}}
  - {at: 300ms, fault: {kind: rest_status, params: {status: 503}}}
"""


SPANS = {
    "250ms": 250,
    "90s": 90_000,
    "1.5s": 1_500,
    "5m": 300_000,
    "1h30m": 5_400_000,
    "7d": 604_800_000,
    "00:05:00": 300_000,
    "23:59:55": 86_395_000,
    "0:00:01.25": 1_250,
    "100:00:00": 360_000_000,
}


def steps(text: str) -> list[Step]:
    return parse(f"symbols: {{X: {{level: 1, tick: 1e-8, step: 1, rate: 1}}}}\nsteps: [{text}]").steps


@pytest.mark.parametrize(
    ("text", "ms"),
    SPANS.items(),
)
def test_times_are_texts(text: str, ms: int) -> None:
    assert Span.parse(text).ms == ms


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{at: 12:00:05, fault: {kind: drop}}", "number 43205; YAML reads a bare 12:00:05 .* quotes - at `$.steps[0].at`"),
        ("{at: 90, fault: {kind: drop}}", "number 90"),
        ("{at: soon, fault: {kind: drop}}", "'soon' is no time"),
        ("{at: 5s3, fault: {kind: drop}}", "'5s3' is no time"),
        ("{fault: {kind: drop}}", "needs 'at' or 'every'"),
        ("{at: 1s, jitter: 1s, fault: {kind: drop}}", "go with 'every'"),
        ("{every: 0s, fault: {kind: drop}}", "at least 1ms"),
        ("{every: 3s, jitter: 2s, fault: {kind: drop}}", "half of 'every'"),
        ("{at: 1s, fault: {kind: drop, form: 1s}}", "unknown field `form`"),
        ("{at: 1s}", "fault"),
    ],
)
def test_bad_steps_are_named(text: str, complaint: str) -> None:
    with pytest.raises(ScenarioError, match=complaint.replace("$", r"\$").replace("[0]", r"\[0\]")):
        steps(text)


def test_a_step_that_orders_nonsense_is_named() -> None:
    with pytest.raises(FaultSpecError, match=r"steps\[1\]: params of drop: .*unknown field `of`"):
        check(steps("{at: 1s, fault: {kind: drop}}, {at: 1s, fault: {kind: drop, params: {of: 1}}}"))


def test_the_command_line_says_so(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(MARKET.replace("halt", "hold"))
    arguments = command("--ledger", tmp_path, "--scenario", tmp_path / "bad.yaml")
    ended = subprocess.run(arguments, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert ended.returncode == 2
    assert "steps[0]: no kind of fault is named 'hold'" in ended.stderr


@pytest.mark.parametrize("name", [path.stem for path in BUILT_IN.glob("*.yaml")])
def test_the_built_in_ones_order_what_there_is(name: str) -> None:
    check(load(name).steps)


def test_chaos_is_hostile() -> None:
    kinds = {step.fault.kind for step in load("chaos").steps}
    assert set(KINDS) - kinds == {"no_ping", "halt", "delist", "list", "unlisted", "clock"}
    assert len(load("chaos").symbols) == 4


def times(text: str, until: int = 10_000, seed: int = 1) -> list[int]:
    times = StepTimes("s", steps(text), EPOCH, seed)
    return [now - EPOCH for now in range(EPOCH, EPOCH + until + 1) for _ in times.due(now)]


def test_times_of_steps() -> None:
    assert times("{at: 3s, fault: {kind: drop}}, {at: 1s, fault: {kind: drop}}") == [1_000, 3_000]
    assert times("{every: 4s, fault: {kind: drop}}") == [4_000, 8_000]
    assert times("{at: 1s, every: 4s, until: 6s, fault: {kind: drop}}") == [1_000, 5_000]
    jittered = times("{every: 2s, jitter: 1s, fault: {kind: drop}}")
    assert jittered == times("{every: 2s, jitter: 1s, fault: {kind: drop}}")
    assert jittered != times("{every: 2s, jitter: 1s, fault: {kind: drop}}", seed=2)
    assert all(abs(time - 2_000 * (n + 1)) <= 1_000 for n, time in enumerate(jittered))


def test_a_script_begins_and_ends_faults() -> None:
    active = ActiveFaults()
    schedule = FaultSchedule(active, World(exchange(), [], lambda _stream, _payloads: None))
    assert schedule.load(steps("{at: 1s, fault: {kind: drop, for: 500ms}}, {at: 2s, fault: {kind: delay, params: {ms: 1}}}"), EPOCH) == "s0"
    found = []
    for after in (999, 1_000, 1_499, 1_500, 2_000, 60_000):
        schedule.advance(EPOCH + after)
        found.append(list(active.runs))
    assert found == [[], ["s0.0.0"], ["s0.0.0"], [], ["s0.1.0"], ["s0.1.0"]]
    schedule.cancel_all(EPOCH + 60_000)
    assert schedule.runs == []


def test_a_seed_and_a_script_make_a_ledger_whatever_befalls_the_clients(tmp_path: Path) -> None:
    texts = {"calm": MARKET, "hostile": MARKET + FRAMES}
    running = {}
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text)
        options = ("--scenario", tmp_path / f"{name}.yaml", "--ledger", tmp_path / name, "--seed", 7, "--epoch", EPOCH)
        running[name] = subprocess.Popen(command(*options), stdout=subprocess.DEVNULL)
    assert {name: process.wait(PATIENCE_S) for name, process in running.items()} == dict.fromkeys(texts, 0)
    hashes = {name: digest(tmp_path / name) for name in texts}
    assert hashes["calm"] == hashes["hostile"]
    rows = [[int(cell) for cell in row.split(",")] for row in (tmp_path / "calm/ETHUSDT.csv").read_text().splitlines()[1:]]
    assert len(rows) > 100  # the flood
    assert not [row for row in rows if EPOCH + 210 < row[6] < EPOCH + 340]  # the halt
    assert rows[-1][8] <= EPOCH + 900


def digest(folder: Path) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(folder.glob("*.csv")))).hexdigest()


async def test_a_script_over_the_control_port(faulty: Simulator) -> None:
    text = f"steps: [{{at: 10ms, fault: {{kind: stall, params: {{mode: data}}, match: {{nth: 1, stream: {BTC}}}}}}}]"
    async with faulty.connect(f"/market/ws/{BTC}") as ws, faulty.connect(f"/market/ws/{BTC}") as other, tailed(ws) as got:
        try:
            status, body = await post(faulty, text)
            assert (status, list(body)) == (200, ["id"])
            await until_behind(got, other)
            names = [row["id"] for row in (await ask(faulty, "GET", "/faults"))[1]]
            assert names == [f"{body['id']}.0.0"]
        finally:
            await ask(faulty, "DELETE", "/scenario")
        assert (await ask(faulty, "GET", "/faults"))[1] == []
        last = got[-1]
        while got[-1] == last:
            await ids(other, 1)
    status, body = await post(faulty, "steps: [{at: 5, fault: {kind: drop}}]")
    assert (status, "number 5" in body["error"]) == (400, True)


async def post(simulator: Simulator, text: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.post(f"{simulator.ctl}/scenario", data=text.encode()) as response:
        return response.status, await response.json()
