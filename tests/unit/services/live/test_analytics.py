"""The version of the pairs' statuses changes with them, also between the steps of a batch."""

from collections.abc import Hashable
from pathlib import Path

from quantd.services.analytics import PairStatus
from tests.unit.services.rig import rig, trade

LEGS = "BCDEFGHIJ"
"""So many pairs with A that a table makes their points."""


def test_the_version_of_the_pairs_changes_with_them(tmp_path: Path) -> None:
    with rig(tmp_path, pairs=[{f"A-{leg}": "default"} for leg in LEGS]) as at:
        analytics = at.services.analytics
        seen: list[tuple[Hashable, list[PairStatus]]] = []

        def look() -> None:
            seen.append((analytics.pairs_version(), analytics.pairs()))

        look()
        for batch in (*([trade(leg, second) for leg in "A" + LEGS] for second in range(70)), [trade("A", 71)], [], [trade("A", 71)]):
            for _ in at.flow._process_in_steps(batch):
                look()
            look()
        at.runtime.drop_pair("A-B")
        look()
        at.runtime.watch_pair("A", "B")
        look()
        at.flow.members.set_absent("A", "delisted")
        look()
    found: dict[Hashable, list[PairStatus]] = {}
    for version, statuses in seen:
        assert found.setdefault(version, statuses) == statuses
    assert len(found) > 70
