"""The file of the records."""

import sqlite3
import threading
from pathlib import Path

from quantd.state.records import Records
from quantd.supervision.losses import Losses


def test_it_is_closed_only_once_no_transaction_runs(tmp_path: Path) -> None:
    records = Records(tmp_path / "quantd.db", Losses())
    begun, on, order = threading.Event(), threading.Event(), list[str]()

    def work(db: sqlite3.Connection) -> None:
        begun.set()
        on.wait(10)
        db.execute("select 1").fetchall()
        order.append("done")

    def close() -> None:
        records.close()
        order.append("closed")

    threads = [threading.Thread(target=records.file.do, args=(work,)), threading.Thread(target=close)]
    threads[0].start()
    begun.wait(10)
    threads[1].start()
    on.set()
    for thread in threads:
        thread.join(10)
    assert order == ["done", "closed"]
