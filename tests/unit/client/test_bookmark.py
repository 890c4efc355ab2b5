"""Where a stream stands, as a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantd.client.bookmark import PREFIX, Standing, pack, unpack
from quantd.client.frames import Position
from quantd.client.seen import SeenRevisions

from .model import bar, ts

HOUR = SeenRevisions()
for _second in range(3_600):
    HOUR.add(bar(_second))
STANDING = Standing("bar:BTCUSDT:1s", Position("a", 7), 2, ts(1), HOUR.dump())


def test_it_says_what_it_was_told() -> None:
    assert unpack(pack(STANDING)) == STANDING


def test_it_stays_small() -> None:
    assert len(pack(STANDING)) < 500


@given(st.one_of(st.text(), st.text().map(lambda text: PREFIX + text), st.integers(0, 200).map(lambda cut: pack(STANDING)[:cut])))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no bookmark"):
        unpack(text)
