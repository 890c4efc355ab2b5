"""Where a stream stands among the frames of its topic."""

from typing import Any

from quantd.client.frames import Position
from quantd.client.subscription import Rows


class Place:
    """The last frame whose rows were all taken, and how many rows of the next one were."""

    def __init__(self, position: Position | None, skip: int) -> None:
        """The first `skip` rows of the frame after `position` were taken in an earlier run."""
        self.position = position
        self.taken = 0
        self._is_frame = False
        """Whether what was fetched is a frame: only its rows are to be skipped if it comes again, not those of a snapshot or the record."""
        self._behind = position
        """The position once all that was fetched is taken."""
        self._skip = skip

    def take_up(self) -> None:
        """Note that all that was fetched is taken."""
        self.position, self.taken, self._is_frame = self._behind, 0, False

    def take(self) -> None:
        """Note that a row of what was fetched is taken."""
        self.taken += self._is_frame

    def jump(self, position: Position | None) -> None:
        """Go on behind this position, once all that was fetched is taken."""
        self._behind, self._skip = position, 0

    def remaining(self, event: Rows) -> list[Any]:
        """Return the rows of a frame that were not taken in an earlier run."""
        if event.position is None:
            return event.rows
        self.taken, self._is_frame, left = self._skip, True, event.rows[self._skip :]
        self.jump(event.position)
        return left
