"""Records on disk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from quantd.state import Records
from quantd.supervision.losses import Losses


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of the records."""
    return tmp_path / "quantd.db"


@pytest.fixture
def records(path: Path) -> Iterator[Records]:
    opened = Records(path, Losses())
    yield opened
    opened.close()
