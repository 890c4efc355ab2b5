"""The state directory: who may open it, what it keeps, and what it refuses to read."""

import pickle
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from quantd.errors import QuantdError, StateLocked, StateNewer, StateUnusable
from quantd.model import Alert, Gap
from quantd.rule_state import RuleState
from quantd.state import FIRINGS_KEPT, SCHEMA_VERSION, Changes, Prefixed, State, schema

GAP = Gap("BTCUSDT", 10, 19, start=900, end=950, opened=1_000, closed=None, cause="disconnected")
ALERT = Alert("BTCUSDT-ETHUSDT/wide@5", "BTCUSDT-ETHUSDT/wide", "wide", "BTCUSDT-ETHUSDT", "firing", 2.5, 2.0, 5, 5, "text", "zscore")
STATE = RuleState("firing", 5, firing=ALERT.id, times=1, triggered_at=6, trigger_count=3)
STATES: dict[str, RuleState | None] = {ALERT.alert_id: STATE}
HOLD = """
import sys; from pathlib import Path; from quantd.state import State
state = State.open(Path(sys.argv[1])); print("open", flush=True); input()
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "a" / "state"


@pytest.fixture
def state(directory: Path) -> Iterator[State]:
    with State.open(directory) as opened:
        yield opened


def plant(state: State, **columns: object) -> None:
    """Write a row into `kept` as an intruder would: past diskcache."""
    row = {"key": "planted", "raw": 1, "store_time": 0.0, "access_time": 0.0, "mode": 1, "value": b"x"} | columns
    with sqlite3.connect(Path(state.kept.cache.directory, "cache.db")) as db:
        db.execute(f"insert into Cache ({', '.join(row)}) values ({', '.join('?' * len(row))})", tuple(row.values()))
    db.close()


class Bomb:
    """Its pickle makes a file when it is read."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.mark,))


def test_only_the_owner_can_look_inside(directory: Path) -> None:
    directory.mkdir(parents=True, mode=0o755)
    with State.open(directory):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_place_that_cannot_be_a_directory_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateUnusable, match=r"state directory .*file.*name another state\.dir"):
        State.open(tmp_path / "file" / "state")


def test_a_second_opener_is_told_who_holds_the_lock(directory: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(StateLocked, match=rf"{directory}/lock is held by process {holder.pid}:"):
            State.open(directory)
        holder.communicate("\n")
    State.open(directory).close()


def test_the_lock_of_a_killed_process_is_free(directory: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.kill()
    State.open(directory).close()


def test_a_failed_opening_gives_the_lock_back(directory: Path) -> None:
    State.open(directory).close()
    set_version(directory, SCHEMA_VERSION + 1)
    for _ in range(2):
        with pytest.raises(StateNewer):
            State.open(directory)
    set_version(directory, SCHEMA_VERSION)
    State.open(directory).close()


def set_version(directory: Path, version: int) -> None:
    with sqlite3.connect(directory / "quantd.db") as db:
        db.execute(f"pragma user_version = {version}")
    db.close()


def test_closing_twice_is_fine(directory: Path) -> None:
    state = State.open(directory)
    state.close()
    state.close()


def test_a_later_schema_is_refused(directory: Path) -> None:
    State.open(directory).close()
    set_version(directory, SCHEMA_VERSION + 1)
    with pytest.raises(StateNewer, match=rf"quantd\.db was written by a later quantd \(schema {SCHEMA_VERSION + 1}"):
        State.open(directory)


def test_everything_is_there_after_reopening(directory: Path) -> None:
    with State.open(directory) as state:
        state.records.save_gaps([GAP])
        state.records.save(Changes(STATES, fired=[ALERT, replace(ALERT, threshold="word", bar=7)]))
        state.kept["k"] = b"\x00kept"
        state.cache["c"] = b"cached" * 100_000
    with State.open(directory) as state:
        assert state.records.open_gaps() == [GAP]
        assert state.records.rule_states() == STATES
        assert state.records.firings() == [ALERT, replace(ALERT, threshold="word", bar=7)]
        assert state.kept.get("k") == b"\x00kept"
        assert state.cache.get("c") == b"cached" * 100_000


def test_gaps_close(state: State) -> None:
    later, other = replace(GAP, first_id=30, last_id=31), replace(GAP, symbol="ETHUSDT")
    state.records.save_gaps([later, GAP, other])
    assert state.records.open_gaps() == [GAP, later, other]
    state.records.save_gaps([replace(other, closed=2_000)])
    assert state.records.open_gaps() == [GAP, later]
    state.records.save_gaps([replace(GAP, closed=2_000), replace(GAP, cause="again")])
    assert state.records.open_gaps() == [replace(GAP, cause="again"), later]


def test_the_gaps_of_a_symbol_are_its_own(state: State) -> None:
    names = ("BTC", "BTCUSDT", "BTCUSDT_260925")
    state.records.save_gaps(replace(GAP, symbol=name) for name in names)
    for name in names:
        assert state.records.open_gaps(name) == [replace(GAP, symbol=name)]
    assert state.records.open_gaps("ETHUSDT") == []


def test_of_closed_gaps_nothing_is_kept(directory: Path) -> None:
    closed = (GAP.symbol, 40, 49, 900, 950, 1_000, 2_000, "disconnected")
    with State.open(directory) as state:
        state.records.save_gaps([GAP, replace(GAP, closed=2_000)])
        assert rows_of(directory) == []
    with sqlite3.connect(directory / "quantd.db") as db:
        db.execute("insert into gaps values (?, ?, ?, ?, ?, ?, ?, ?)", closed)  # as earlier versions did
    db.close()
    State.open(directory).close()
    assert rows_of(directory) == []


def rows_of(directory: Path) -> list[object]:
    with sqlite3.connect(directory / "quantd.db") as db:
        rows = db.execute("select * from gaps").fetchall()
    db.close()
    return rows


def test_gaps_are_saved_all_or_none(state: State) -> None:
    state.records.save_gaps([GAP])
    unsaved = [replace(GAP, closed=2_000), replace(GAP, first_id=30, last_id=2**63)]
    with pytest.raises(OverflowError):
        state.records.save_gaps(unsaved)
    assert state.records.open_gaps() == [GAP]
    state.records.save(Changes(STATES))
    assert len(state.records.rule_states()) == 1


def test_an_alert_rule_has_one_state(state: State) -> None:
    state.records.save(Changes(STATES))
    for after in (replace(STATE, since=9, firing="BTCUSDT-ETHUSDT/wide@9"), replace(STATE, phase="inactive"), RuleState()):
        state.records.save(Changes({ALERT.alert_id: after}))
        assert state.records.rule_states() == {ALERT.alert_id: after}


def test_a_rule_that_is_no_more_leaves_no_state_but_its_firings(state: State) -> None:
    state.records.save(Changes(STATES, fired=[ALERT]))
    state.records.save(Changes({ALERT.alert_id: None, "other": None}))
    assert (state.records.rule_states(), state.records.firings()) == ({}, [ALERT])
    state.records.save(Changes(cleared=True))
    assert state.records.firings() == []


def test_the_latest_firings_are_kept(state: State) -> None:
    made = [replace(ALERT, id=f"wide@{number}", ts=number) for number in range(FIRINGS_KEPT + 30)]
    for begin in range(0, len(made), 103):
        state.records.save(Changes(fired=made[begin : begin + 103]))
    assert state.records.firings() == made[30:]
    state.records.save(Changes(fired=[replace(ALERT, value=float("nan"))]))
    assert state.records.firings() == made[31:]


NO_TABLES = "drop table alert_rules; drop table places; drop table fired; drop table kept; drop table deliveries;"
EARLIER = f"""
{NO_TABLES}
create table alert_states(
    alert_id text primary key, pair text not null, state text not null, since integer not null, id text not null
) strict, without rowid;
insert into alert_states values ('A-B/wide', 'A-B', 'firing', 5, 'A-B/wide@5'), ('A-B/high', 'A-B', 'resolved', 4, 'A-B/high@4');
"""
FIRINGS = """
create table firings(
    number integer primary key, id text not null, alert_id text not null, rule text not null, pair text not null, state text not null,
    value any, threshold any, since integer not null, ts integer not null, text text not null, metric text not null, bar integer
) strict;
"""
SCHEMA_4 = f"""
{NO_TABLES} {FIRINGS}
create table rule_states(
    rule text primary key, holds integer not null, since integer, firing text not null, times integer not null,
    triggered_at integer, trigger_count integer not null
) strict, without rowid;
insert into rule_states values ('A-B/wide', 1, 5, 'A-B/wide@5', 1, null, 0), ('A-B/high', 0, 4, 'A-B/high@4', 1, null, 0),
    ('one', 1, 8, 'one@8.2', 2, 9, 7);
insert into firings values (1, 'A-B/wide@5', 'A-B/wide', 'wide', 'A-B', 'firing', 2.5, 2.0, 5, 5, 'text', 'zscore', null),
    (2, 'x@6', 'x', 'broken', 'A-B', 'firing', 'broken', 'weak', 6, 7, 'text', 'health', 1);
pragma user_version = 4;
"""
TAKEN_OVER = {
    "A-B/wide": RuleState("firing", 5, firing="A-B/wide@5", times=1),
    "A-B/high": RuleState("inactive", 4, firing="A-B/high@4", times=1),
}
OF_SCHEMA_4 = TAKEN_OVER | {"one": RuleState("firing", 8, firing="one@8.2", times=2, triggered_at=9, trigger_count=7)}
FIRED = [
    replace(ALERT, id="A-B/wide@5", alert_id="A-B/wide", pair="A-B"),
    Alert("x@6", "x", "broken", "A-B", "firing", "broken", "weak", 6, 7, "text", "health", 1),
]


def set_back(directory: Path, script: str) -> None:
    """Give a state the tables of an earlier version."""
    State.open(directory).close()
    with sqlite3.connect(directory / "quantd.db", isolation_level=None) as db:
        db.executescript(script)
    db.close()


@pytest.mark.parametrize("version", [2, 3])
def test_a_directory_of_an_earlier_schema_keeps_its_gaps_and_states(directory: Path, version: int) -> None:
    with State.open(directory) as state:
        state.records.save_gaps([GAP])
    set_back(directory, f"{EARLIER} {FIRINGS if version == 3 else ''} pragma user_version = {version};")
    for _ in range(2):
        with State.open(directory) as state:
            assert (state.records.open_gaps(), state.records.firings()) == ([GAP], [])
            assert state.records.rule_states() == TAKEN_OVER
    with State.open(directory) as state:
        state.records.save(Changes(STATES, fired=[ALERT]))
        assert state.records.firings() == [ALERT]


def test_a_directory_of_schema_4_keeps_its_gaps_states_and_firings(directory: Path) -> None:
    with State.open(directory) as state:
        state.records.save_gaps([GAP])
    set_back(directory, SCHEMA_4)
    for _ in range(2):
        with State.open(directory) as state:
            assert (state.records.open_gaps(), state.records.firings()) == ([GAP], FIRED)
            assert state.records.rule_states() == OF_SCHEMA_4
    with State.open(directory) as state:
        state.records.save(Changes(fired=[ALERT]))
        assert state.records.firings() == [*FIRED, ALERT]


def test_a_conversion_that_is_cut_off_is_begun_again(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_back(directory, SCHEMA_4)
    with monkeypatch.context() as patched:
        patched.setattr(schema, "insert", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            State.open(directory)
    with State.open(directory) as state:
        assert (state.records.rule_states(), state.records.firings()) == (OF_SCHEMA_4, FIRED)


@pytest.mark.parametrize(("script", "states"), [(f"{EARLIER} pragma user_version = 3;", TAKEN_OVER), (SCHEMA_4, OF_SCHEMA_4)])
def test_of_a_broken_file_of_an_earlier_schema_the_states_are_kept(directory: Path, script: str, states: dict[str, RuleState]) -> None:
    set_back(directory, f"{script} drop table gaps;")
    with State.open(directory) as state:
        assert state.records.rule_states() == states
        assert state.records.firings() == (FIRED if states is OF_SCHEMA_4 else [])


def test_records_take_turns_between_threads(state: State) -> None:
    def write(symbol: str) -> None:
        for number in range(5):
            state.records.save_gaps([replace(GAP, symbol=symbol, first_id=number + part, last_id=number) for part in (0, 100)])
            state.records.save(Changes(STATES, fired=[ALERT]))

    threads = [threading.Thread(target=write, args=(symbol,)) for symbol in ("A", "B", "C")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(state.records.open_gaps()), len(state.records.firings())) == (30, 15)


@pytest.mark.parametrize(
    "value", [True, None, 1, 1.5, "text", (1,), {}, bytearray(b"x"), memoryview(b"x")], ids=lambda value: type(value).__name__
)
def test_values_are_bytes(state: State, value: Any) -> None:
    with pytest.raises(TypeError, match="must be bytes"):
        state.kept["k"] = value
    assert "k" not in state.kept


@pytest.mark.parametrize("key", [b"k", 1, 1.5, None, ("k",)], ids=repr)
def test_keys_are_text(state: State, key: Any) -> None:
    with pytest.raises(TypeError, match="must be a str"):
        state.kept[key] = b"x"


def test_a_planted_pickle_is_refused_unread(state: State, tmp_path: Path) -> None:
    mark = tmp_path / "bomb-went-off"
    bomb = pickle.dumps(Bomb(mark))
    plant(state, mode=4, value=bomb)
    plant(state, key=bomb, raw=0)
    with pytest.raises(QuantdError, match="kept holds what quantd did not write"):
        state.kept.get("planted")
    with pytest.raises(QuantdError, match="did not write"):
        list(state.kept)
    assert not mark.exists()


@pytest.mark.parametrize("mode", [1, 2, 3])
def test_a_planted_file_name_is_neither_read_nor_deleted(state: State, tmp_path: Path, mode: int) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    plant(state, mode=mode, value=None, filename=f"../../../{secret.name}")
    assert Path(state.kept.cache.directory, "../../../secret").read_text() == "secret"
    with pytest.raises(QuantdError, match="did not write"):
        state.kept.get("planted")
    with pytest.raises(QuantdError, match="did not write"):
        state.kept.pop("planted")
    state.kept["planted"] = b"mine"
    assert secret.exists()
    assert state.kept.get("planted") == b"mine"


@pytest.mark.parametrize("row", [{"value": "text"}, {"value": 1}, {"value": None}, {"filename": "x"}], ids=str)
def test_planted_values_are_refused(state: State, row: dict[str, object]) -> None:
    plant(state, **row)
    with pytest.raises(QuantdError, match="did not write"):
        state.kept.get("planted")


@pytest.mark.parametrize("row", [{"key": b"bytes"}, {"key": 1}, {"raw": 0}], ids=str)
def test_planted_keys_are_refused(state: State, row: dict[str, object]) -> None:
    plant(state, **row)
    with pytest.raises(QuantdError, match="did not write"):
        list(state.kept)


def test_the_cache_forgets_what_was_used_least_recently(state: State) -> None:
    state.cache.cache.reset("size_limit", 2_000_000)
    for number in range(40):
        state.cache[f"{number}"] = bytes(100_000)
        state.cache.get("0")
    assert "0" in state.cache
    assert "1" not in state.cache
    assert state.cache.cache.volume() < 2_500_000


def test_what_is_kept_is_never_evicted(state: State) -> None:
    assert state.kept.cache.eviction_policy == "none"
    assert state.kept.cache.size_limit > 2**60
    for number in range(40):
        state.kept[f"{number}"] = bytes(100_000)
    state.kept.cache.cull()
    assert len(state.kept) == 40


def test_a_shelf_holds_what_is_its_own(directory: Path) -> None:
    with State.open(directory) as state:
        state.kept["rule/1"] = b"a rule"
        one, other = Prefixed(state.kept, "feed/a/"), Prefixed(state.kept, "feed/b/")
        one["end"], one["more"], other["end"] = b"1", b"2", b"3"
        del one["more"]
        with pytest.raises(KeyError):
            del one["rule/1"]
    with State.open(directory) as state:
        assert dict(Prefixed(state.kept, "feed/a/")) == {"end": b"1"}
        assert len(Prefixed(state.kept, "feed/b/")) == 1
        assert Prefixed(state.kept, "feed/c/").get("end") is None
        assert state.kept["rule/1"] == b"a rule"
