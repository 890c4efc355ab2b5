"""What every sink inherits."""

from collections.abc import Sequence

import pytest

import quantd
from quantd.testing import fakes


class Told(quantd.AlertSink):
    """Notes the ids of alerts, and fails at one."""

    password: str = ""
    fails: str = ""

    def __post_init__(self) -> None:
        self.ids: list[str] = []

    async def send(self, alert: quantd.Alert) -> None:
        if alert.id == self.fails:
            raise quantd.Refused("no")
        self.ids.append(alert.id)


def alerts() -> Sequence[quantd.Alert]:
    return [fakes.alert(number) for number in range(3)]


async def test_alerts_that_belong_together_are_sent_one_by_one() -> None:
    sink = Told()
    await sink.send_many(alerts())
    assert sink.ids == ["0", "1", "2"]


async def test_a_fault_of_one_is_a_fault_of_all() -> None:
    with pytest.raises(quantd.Refused):
        await Told(fails="1").send_many(alerts())


def test_no_setting_is_shown() -> None:
    assert str(Told(password="hush")) == repr(Told(password="hush")) == "Told(…)"
