"""The retention job: it asks the store, and has nothing to do without one."""

from pathlib import Path

import quantd
from quantd_plugins.jobs.retention import Retention
from quantd_plugins.stores.local import Local

DAY = 86_400_000


def test_the_store_forgets(tmp_path: Path) -> None:
    store = Local()
    store.open(tmp_path)
    store.append([quantd.Tick("X", 1, 0, 0, 1.0, 1.0, True), quantd.Tick("X", 2, DAY, DAY, 1.0, 1.0, True)], [], [])
    assert Retention().run(quantd.DaemonView(7 * DAY + 1, store)) == {"ticks": 1, "bars": 0, "points": 0}
    assert store.ticks("X", 0, 10 * DAY)["id"].tolist() == [2]
    store.close()


def test_nothing_without_a_store() -> None:
    assert Retention().run(quantd.DaemonView(0, None)) == {}
