"""Deletes rows that are too old."""

from collections.abc import Mapping

import quantd


class Retention(quantd.DaemonJob):
    """Deletes rows from the store that are older than its `keep` allows; counts the deleted rows of each kind."""

    def run(self, view: quantd.DaemonView) -> Mapping[str, float | None]:
        return view.store.prune(view.now) if view.store else {}


@quantd.hookimpl
def register_jobs(register: quantd.Register[quantd.DaemonJob]) -> None:
    register("retention", Retention)
