"""Gaps outlive the daemon, and the daemon outlives a disk that takes none."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from quantd.clock import EventClock
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.outbox import Outbox
from quantd.flow.hub import Hub
from quantd.flow.outputs import Outputs
from quantd.flow.record import Recorder
from quantd.history.history import History
from quantd.model import Gap, Loss
from quantd.plugin.guard import Guard
from quantd.state import Records
from quantd.supervision.losses import Losses
from quantd.supervision.troubles import Troubles
from quantd_plugins.stores.local import Local

GAP = Gap("BTCUSDT", 10, 19, start=900, end=950, opened=1_000, closed=None, cause="disconnected")
LATER = replace(GAP, symbol="ETHUSDT", first_id=30, last_id=31)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "quantd.db"


@pytest.fixture
def outputs(path: Path) -> Iterator[Outputs]:
    with closing(Records(path, Losses())) as records:
        yield Outputs(History(None), AlertEngine(), Outbox({}), Hub(), records=records)


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(statement)


def open_gaps(outputs: Outputs) -> list[Gap]:
    assert outputs.records is not None
    return outputs.records.open_gaps()


def test_the_gaps_of_a_batch_are_saved_at_once(outputs: Outputs, path: Path) -> None:
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("pragma wal_checkpoint(truncate)")
        outputs.tell_gaps([replace(GAP, symbol=f"S{number}") for number in range(50)])
        (_, pages, _) = reader.execute("pragma wal_checkpoint(passive)").fetchone()
    assert len(open_gaps(outputs)) == 50
    assert pages < 20, "each transaction adds a page at least"


def test_what_the_records_do_not_take_is_told_and_saved_later(outputs: Outputs, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    told: list[Gap] = []
    outputs.hub.listen("gaps", told.extend)
    outputs.tell_gaps([GAP])
    change(path, "alter table gaps rename to away")
    closed = replace(GAP, closed=2_000)
    brief = replace(GAP, first_id=50, last_id=51)
    outputs.tell_gaps([closed, LATER])
    outputs.tell_gaps([brief])
    outputs.tell_gaps([replace(brief, closed=3_000)])
    assert told == [GAP, closed, LATER, brief, replace(brief, closed=3_000)]
    assert list(outputs.unsaved.values()) == [closed, LATER], "of what came and went meanwhile there is nothing to save"
    (complaint,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "state.dir" in complaint.getMessage()
    change(path, "alter table away rename to gaps")
    assert open_gaps(outputs) == [GAP]
    outputs.tell_gaps([replace(GAP, cause="given up")])
    assert open_gaps(outputs) == [replace(GAP, cause="given up"), LATER]
    assert not outputs.unsaved


def test_what_is_read_has_a_new_version_once_the_store_has_lost_rows(tmp_path: Path) -> None:
    lost: list[Loss] = []

    class Lossy(Local):
        def losses(self) -> list[Loss]:
            return lost.copy()

    store, clock = Lossy(), EventClock(0)
    store.open(tmp_path)
    recorder = Recorder(store, Guard("store", "lossy", clock), clock, Troubles(clock))
    outputs = Outputs(History(store), AlertEngine(), Outbox({}), Hub(), recorder)
    seen = [outputs.history.version("bars", "BTCUSDT", "1m")]
    for losses in ([], [Loss("hot.db", "broken", 0)], [Loss("hot.db", "broken: 9 rows are copied", 0)]):
        lost[:] = losses
        for _ in range(2):
            outputs.tell_losses()
            seen.append(outputs.history.version("bars", "BTCUSDT", "1m"))
    store.close()
    assert [later > earlier for earlier, later in pairwise(seen)] == [False, False, True, False, True, False]
