"""A new run knows what the record holds of a symbol, and what it lacks."""

from pathlib import Path

from quantd.flow.repair.restore import restore
from quantd.history.store_reader import StoreReader
from quantd.model import Gap
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd_plugins.stores.local import Local


def test_a_new_run_knows_what_the_record_lacks(tmp_path: Path) -> None:
    store = Local()
    store.open(tmp_path)
    assert restore(StoreReader(store), "X", []) is None
    store.append([fakes.tick("X", number, 500 * number) for number in (1, 2, 5, 6, 9)], [], [])
    known = restore(StoreReader(store), "X", [Gap("X", 7, 8, START, START, START, None, "disconnected")])
    assert known is not None
    assert (known.last_id, known.ts) == (9, START + 500 * 9)
    assert [(hole.first, hole.last, hole.cause) for hole in known.holes] == [(3, 4, "not recorded"), (7, 8, "disconnected")]
    store.close()
