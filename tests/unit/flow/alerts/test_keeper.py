"""What alerts change is on disk together or not at all, and nothing is lost while the disk fails."""

import asyncio
import logging
import sqlite3
from pathlib import Path

import pytest

from quantd.clock import EventClock
from quantd.flow.alerts.keeper import Keeper
from quantd.flow.alerts.table import RuleStates
from quantd.rule_state import RuleState
from quantd.state import Changes, Delivery, Message, Records
from quantd.supervision.troubles import Troubles
from quantd.testing import fakes

FIRING = RuleState("firing", 5, firing="one@5")


def message(key: str) -> Message:
    return Message(key, "hook", "one", (fakes.alert(),))


def keys(new: list[Delivery]) -> list[str]:
    return [each.message.key for each in new]


class Rig:
    """A keeper, and the messages that it has brought to disk."""

    def __init__(self, records: Records) -> None:
        self.states, self.troubles, self.told = RuleStates(), Troubles(EventClock()), list[str]()
        self.keeper = Keeper(records, self.states, self.troubles)
        self.keeper.on_messages = lambda new: self.told.extend(keys(new))


async def test_a_state_its_message_and_what_is_kept_are_one_transaction(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    rig, written = Rig(records), list[Changes]()
    save = records.save

    def saving(changes: Changes) -> list[Delivery]:
        written.append(changes)
        return save(changes)

    monkeypatch.setattr(records, "save", saving)
    table = rig.keeper.table("silences")
    rig.states.put("one", FIRING)
    rig.keeper.put([(message("a"), 7)])
    rig.keeper.fired([fakes.alert()])
    table.put("s", b"1")
    assert rig.told == []
    assert await rig.keeper.saved()
    assert [(list(each.states), each.messages, list(each.kept)) for each in written] == [
        (["one"], [(message("a"), 7)], [("silences", "s")])
    ]
    assert (rig.told, records.rule_states(), records.kept("silences")) == (["a"], {"one": FIRING}, {"s": b"1"})


async def test_what_changes_during_a_transaction_is_in_the_next(records: Records) -> None:
    rig = Rig(records)
    rig.keeper.put([(message("a"), 0)])
    await asyncio.sleep(0)  # the transaction begins
    rig.states.put("one", FIRING)
    rig.keeper.put([(message("b"), 0)])
    assert await rig.keeper.saved()
    assert (rig.told, records.rule_states()) == (["a", "b"], {"one": FIRING})


async def test_a_key_is_taken_once(records: Records) -> None:
    rig = Rig(records)
    rig.keeper.put([(message("a"), 0), (message("a"), 0), (message("b"), 0)])
    await rig.keeper.saved()
    rig.keeper.put([(message("a"), 0)])
    await rig.keeper.saved()
    assert rig.told == ["a", "b"]


async def test_a_save_that_waits_for_the_disk_keeps_the_order(records: Records) -> None:
    rig = Rig(records)
    rig.states.put("one", RuleState("pending", 5))
    rig.keeper.put([(message("a"), 0)])
    await asyncio.sleep(0)  # the transaction begins
    rig.states.put("one", FIRING)
    rig.keeper.put([(message("b"), 0)])
    rig.keeper.save()
    assert (rig.told, records.rule_states()) == (["a", "b"], {"one": FIRING})
    assert await rig.keeper.saved()
    assert rig.told == ["a", "b"]


async def test_a_disk_that_fails_loses_nothing_once_it_is_back(records: Records, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(records)
    table = rig.keeper.table("silences")
    with sqlite3.connect(path) as db:
        db.execute("alter table deliveries rename to hidden")
        rig.states.put("one", RuleState("pending", 5))
        rig.states.put("two", FIRING)
        rig.keeper.put([(message("a"), 0)])
        table.put("s", b"1")
        for _ in range(2):
            assert not await rig.keeper.saved()
            rig.keeper.save()
            assert [trouble.name for trouble in rig.troubles.present()] == ["alerts"]
        rig.states.put("one", FIRING)
        db.execute("alter table hidden rename to deliveries")
    db.close()
    assert [record.levelno for record in caplog.records if "alerts cannot be written" in record.getMessage()] == [logging.ERROR]
    assert (rig.told, records.rule_states()) == ([], {})
    rig.keeper.put([(message("b"), 0)])
    assert await rig.keeper.saved()
    assert rig.troubles.present() == []
    assert (rig.told, records.rule_states(), records.kept("silences")) == (["a", "b"], {"one": FIRING, "two": FIRING}, {"s": b"1"})


def test_without_a_loop_it_is_written_by_save(records: Records) -> None:
    rig = Rig(records)
    rig.keeper.put([(message("a"), 0)])
    assert rig.told == []
    rig.keeper.close()
    assert rig.told == ["a"]


def test_records_in_memory_are_written_at_once() -> None:
    rig = Rig(Records())
    rig.keeper.put([(message("a"), 0)])
    assert rig.told == ["a"]


def test_a_table_is_there_after_a_restart(records: Records) -> None:
    keeper = Rig(records).keeper
    table, other = keeper.table("silences"), keeper.table("acks")
    table.put("1", b"one")
    table.put("2", b"two")
    other.put("1", b"other")
    table.delete("1")
    table.delete("unknown")
    assert table.all() == {"2": b"two"}
    keeper.save()
    again = Rig(records).keeper
    assert (again.table("silences").all(), again.table("acks").all()) == ({"2": b"two"}, {"1": b"other"})
