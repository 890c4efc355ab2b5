"""The last rows of a table of floats, available as contiguous columns."""

import numpy as np

from quantd.stats import FloatArray


class Ring:
    """A buffer of the last `capacity` rows of `width` numbers; append and view cost O(width).

    >>> ring = Ring(width=2, capacity=3)
    >>> for number in range(5):
    ...     ring.append((number, -number))
    >>> ring.last(3)[0].tolist(), len(ring)
    ([2.0, 3.0, 4.0], 3)
    """

    def __init__(self, width: int, capacity: int) -> None:
        self._capacity = capacity
        self._table = np.empty((width, 2 * capacity))
        self._end = 0

    def __len__(self) -> int:
        return min(self._end, self._capacity)

    def clear(self) -> None:
        """Remove all rows."""
        self._end = 0

    def append(self, row: tuple[float, ...]) -> None:
        """Append a row of `width` numbers; a full ring drops its oldest row."""
        if self._end == 2 * self._capacity:
            self._table[:, : self._capacity] = self._table[:, self._capacity :]
            self._end = self._capacity
        self._table[:, self._end] = row
        self._end += 1

    def last(self, count: int) -> FloatArray:
        """Return the last rows, oldest first, as a read-only view of shape (width, at most `count`) that is valid until the next append."""
        view = self._table[:, self._end - min(count, len(self)) : self._end]
        view.flags.writeable = False
        return view
