"""Whatever is broken in a state directory, it opens, says what it set aside, and keeps what can still be read."""

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from quantd import salvage
from quantd.model import Alert, Gap
from quantd.rule_state import RuleState
from quantd.state import Changes, Message, State
from quantd.supervision.losses import Losses
from tests import damage
from tests.conftest import ROOT

GAPS = [Gap(f"S{number % 7}", 100 * number, 100 * number + 9, number, number, number, None, "disconnected") for number in range(400)]
ALERT = Alert("A-B/wide@5", "A-B/wide", "wide", "A-B", "firing", 2.5, 2.0, 5, 5, "a text of some length", "zscore")
ALERTS = [replace(ALERT, id=f"A-B/{number}@5", alert_id=f"A-B/{number}") for number in range(200)]
STATES: dict[str, RuleState | None] = {
    alert.alert_id: RuleState("firing", 5, firing=alert.id, times=1, triggered_at=5, trigger_count=1) for alert in ALERTS
}
RULES = {f"rule/{number}": b'{"id": "%d", "more": "%s"}' % (number, b"x" * (number % 50)) for number in range(100)}
MESSAGES = [Message(alert.id, "hook", alert.alert_id, (alert,)) for alert in ALERTS]
KEPT: dict[tuple[str, str], bytes | None] = {("silences", alert.id): alert.id.encode() for alert in ALERTS}
FILES = ("quantd.db", "kept/cache.db", "cache/cache.db")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("good") / "state"
    with State.open(directory) as state:
        state.records.save_gaps(GAPS)
        state.records.save(Changes(STATES, fired=ALERTS, kept=KEPT, messages=[(message, 1) for message in MESSAGES]))
        for key, value in RULES.items():
            state.kept[key] = value
            state.cache[key] = value
        state.kept["large"] = b"L" * 10_000
    return directory


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """A state whose daemon was killed: what it wrote last is in the WAL."""
    directory = tmp_path / "killed"
    state = State.open(directory)
    for db in (state.records.file.db, state.kept.cache._con):
        db.execute("pragma wal_autocheckpoint = 0")
    for number, (key, value) in enumerate(RULES.items()):
        state.kept[key] = value
        state.records.save_gaps(GAPS[4 * number : 4 * number + 4])
    damage.copied(directory, tmp_path / "copy")
    state.close()
    return tmp_path / "copy"


def check(directory: Path, what: str) -> float:
    """The share of what is left in a state that opens; if that is not all it is told, and the next opening finds nothing broken."""
    losses = Losses()
    with State.open(directory, losses) as state:
        rules = {key: value for key, value in state.kept.items() if key in RULES}
        states = state.records.rule_states()
        parts: list[list[Any]] = [state.records.open_gaps(), list(states), state.records.firings(), list(rules)]
        sent, silences = state.records.deliveries.listed("waiting", "hook", 1_000), state.records.kept("silences")
        parts += [sent, list(silences)]
        wanted = [len(GAPS), len(ALERTS), len(ALERTS), len(RULES), len(MESSAGES), len(KEPT)]
        assert {each.message.key for each in sent} <= {message.key for message in MESSAGES}, what
        assert {("silences", key): value for key, value in silences.items()}.items() <= KEPT.items(), what
        assert set(parts[0]) <= set(GAPS), what
        assert states.items() <= STATES.items(), what
        assert all(alert in ALERTS for alert in parts[2]), what
        assert rules.items() <= RULES.items(), what
        assert losses.present() or wanted == [len(part) for part in parts], f"{what}: something is lost, and nobody is told"
        for loss in losses.present():
            name = re.escape(Path(loss.file).name)
            assert re.search(rf"set aside as {name}\.broken-\d{{8}}T\d{{6}}\.\d{{3}}Z \([\d,]+ bytes\)", loss.text), loss
        state.records.save_gaps([GAPS[0]])
        state.kept["rule/new"] = b"{}"
        state.cache["symbols"] = b"[]"
    again = Losses()
    with State.open(directory, again) as state:
        assert again.present() == [], f"{what}: it is still broken"
        assert state.kept["rule/new"] == b"{}"
    return min(len(part) / number for part, number in zip(parts, wanted, strict=True))


@pytest.mark.parametrize("file", FILES)
def test_each_page_may_be_overwritten(good: Path, tmp_path: Path, file: str) -> None:
    left = {}
    for what, spoil in [*damage.pages(good / file, 8), ("page 1 of it", damage.overwriting(0, bytes(damage.PAGE)))]:
        directory = damage.copied(good, tmp_path / "state")
        spoil(directory / file)
        left[what] = check(directory, f"{file}, {what}")
        if file == "kept/cache.db" and what.startswith("page 1 of"):  # where SQLite finds the tables
            assert left[what] == 1.0
    worst = sorted(left.values())
    assert worst[len(worst) // 2] >= 0.5, left


@pytest.mark.parametrize("file", FILES)
def test_all_of_a_file_may_be_gone(good: Path, tmp_path: Path, file: str) -> None:
    for what, spoil in damage.whole(good / file):
        directory = damage.copied(good, tmp_path / "state")
        spoil(directory / file)
        check(directory, f"{file}, {what}")
        assert len(list((directory / file).parent.glob("*.broken-*Z"))) == 1, f"{file}, {what}"


@pytest.mark.parametrize("file", ["quantd.db-wal", "kept/cache.db-wal"])
def test_each_page_of_what_a_killed_daemon_wrote_last_may_be_overwritten(killed: Path, tmp_path: Path, file: str) -> None:
    told = 0
    for what, spoil in [*damage.pages(killed / file, 8), *damage.whole(killed / file)]:
        directory = damage.copied(killed, tmp_path / "state")
        spoil(directory / file)
        losses = Losses()
        with State.open(directory, losses) as state:
            whole = len(state.records.open_gaps()) == len(GAPS) and sum(key in RULES for key in state.kept) == len(RULES)
        told += bool(losses.present())
        if not what.startswith(("cut", "emptied")):
            assert whole or losses.present(), f"{file}, {what}: something is lost, and nobody is told"
    assert told


def spoil_all_but_the_first_page(file: Path) -> None:
    """Under an open connection, which then reads anew."""
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("pragma wal_checkpoint(truncate)")
        for page in range(1, file.stat().st_size // damage.PAGE):
            damage.overwriting(page, bytes(damage.PAGE))(file)
        db.execute("pragma user_version = 4")


def test_what_breaks_while_it_is_open_is_made_anew(tmp_path: Path) -> None:
    losses = Losses()
    with State.open(tmp_path, losses) as state:
        state.records.save_gaps(GAPS)
        state.kept["rule/1"] = state.cache["symbols"] = b"[]"
        for file in FILES:
            spoil_all_but_the_first_page(tmp_path / file)
        state.records.save_gaps(GAPS[:2])
        state.kept["rule/2"] = b"{}"
        assert state.cache.get("symbols") is None
        assert [loss.file for loss in losses.present()] == list(FILES)
        assert (state.records.open_gaps(), dict(state.kept)) == (sorted(GAPS[:2], key=lambda gap: gap.symbol), {"rule/2": b"{}"})
    for told in (["quantd.db"], []):  # once more: what is missing is looked for at a start
        losses = Losses()
        with State.open(tmp_path, losses) as state:
            assert (len(state.records.open_gaps()), dict(state.kept)) == (2, {"rule/2": b"{}"})
        assert [loss.file for loss in losses.present()] == told


def test_few_of_what_was_set_aside_are_kept(tmp_path: Path) -> None:
    for _ in range(4):
        (tmp_path / "quantd.db").unlink(missing_ok=True)
        (tmp_path / "quantd.db").write_bytes(b"no database")
        State.open(tmp_path).close()
    assert len(list(tmp_path.glob("quantd.db.broken-*Z"))) == salvage.KEPT_ASIDE


def test_a_directory_in_the_place_of_the_lock_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with State.open(tmp_path):
        assert (tmp_path / "lock").is_file()


@pytest.mark.parametrize("name", ["cache", "kept", "kernels", "raw"])
def test_a_file_in_the_place_of_a_directory_is_set_aside(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("no directory")
    losses = Losses()
    with State.open(tmp_path, losses) as state:
        assert [loss.file for loss in losses.present()] == [name]
        state.kept["key"] = state.cache["key"] = b"1"


def test_a_planted_value_is_set_aside_and_the_others_stay(tmp_path: Path) -> None:
    with State.open(tmp_path) as state:
        state.kept["rule/1"] = b"{}"
    with sqlite3.connect(tmp_path / "kept/cache.db") as db:
        db.execute("insert into Cache (key, raw, store_time, mode, value) values ('rule/2', 1, 0, 4, x'80')")
    db.close()
    losses = Losses()
    with State.open(tmp_path, losses) as state:
        assert dict(state.kept) == {"rule/1": b"{}"}
    assert "1 values that quantd did not write" in losses.present()[0].text


@pytest.mark.parametrize("file", [*FILES, "history/hot.db"])
def test_what_is_broken_on_a_full_disk_stays_as_it_is(good: Path, tmp_path: Path, file: str) -> None:
    directory = damage.copied(good, tmp_path / "state")
    (directory / file).parent.mkdir(exist_ok=True)
    (directory / file).write_bytes(b"no database" * 1_000)
    code = (
        "import resource, signal, sys; from pathlib import Path; from quantd.state import State\n"
        "from quantd_plugins.stores.local import Local\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8, 8)); place = Path(sys.argv[1])\n"
        "Local().open(place) if sys.argv[2] else State.open(place)"
    )
    hot = "hot" if "hot" in file else ""
    done = subprocess.run([sys.executable, "-c", code, directory, hot], capture_output=True, text=True, check=False)
    assert "StateUnusable: " in done.stderr
    assert (directory / file).read_bytes() == b"no database" * 1_000
    assert list(directory.rglob("*.broken-*")) == []


BREAKS_ON_A_FULL_DISK = """
import resource, signal, sqlite3, sys
from pathlib import Path
from diskcache import Timeout
from quantd.model import Gap
from quantd.state import State
from quantd_plugins.stores.local import Local
from quantd.testing.fakes import START, ticks
from tests.damage import PAGE

place, name = Path(sys.argv[1]), sys.argv[2]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
state, store, file = State.open(place), Local(dir="."), place / name
store.open(place)
db = {"quantd.db": state.records.file.db, "kept/cache.db": state.kept.cache._con, "hot.db": store._file._db}[name]


def write(number):
    if name == "quantd.db":
        state.records.save_gaps([Gap("A", each, each, each, each, each, None, "?") for each in range(number, number + 900, 3)])
    elif name == "hot.db":
        store.append(ticks(9_000, start=START + 10_000_000 * number), [], [])
    else:
        state.kept[f"rule/{number}"] = bytes(50_000)


def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def tried(number):
    try:
        write(number)
    except (sqlite3.Error, Timeout, OSError):
        return "refused"
    return "written"


for number in (0, 900):
    write(number)
db.execute("pragma wal_checkpoint(truncate)")
db.execute("pragma shrink_memory")
with file.open("r+b") as broken:
    for page in range(1, file.stat().st_size // PAGE):
        broken.seek(page * PAGE)
        broken.write(b"?" * PAGE)
limit(8)
full = [tried(1_800), tried(2_700)]
limit(resource.RLIM_INFINITY)
print(*full, tried(3_600), tried(4_500))
"""


@pytest.mark.parametrize("file", ["quantd.db", "kept/cache.db", "hot.db"])
def test_what_breaks_while_the_disk_is_full_is_made_anew_once_there_is_room(tmp_path: Path, file: str) -> None:
    command = [sys.executable, "-c", BREAKS_ON_A_FULL_DISK, str(tmp_path), file]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.stdout.split(), len(list(tmp_path.rglob("*.broken-*Z")))) == (["refused", "refused", "written", "written"], 1), done.stderr


def test_a_disk_that_takes_nothing_is_not_taken_for_damage(tmp_path: Path) -> None:
    State.open(tmp_path).close()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.db")}
    code = "import resource, sys; from pathlib import Path; from quantd.state import State\\n"
    code += "resource.setrlimit(resource.RLIMIT_FSIZE, (8, 8)); State.open(Path(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", code.replace("\\n", "\n"), tmp_path], capture_output=True, text=True, check=False)
    assert "StateUnusable: cannot use the state directory" in done.stderr
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.db*") if path.suffix == ".db"} == before
    assert list(tmp_path.rglob("*.broken-*")) == []
