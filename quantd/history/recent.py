"""Names that the recent rows in memory share."""

from itertools import count
from typing import Literal

RECENT = 3_600
"""Number of rows of a series that stay in memory."""
VERSIONS = count(1)
"""The versions of all series. None is given twice, so that a series that was dropped and added again has another one."""
Kind = Literal["bars", "points"]
"""The kinds of rows of which the recent ones are in memory."""
Key = tuple[str, str]
"""A series: symbol or pair, and timeframe."""
