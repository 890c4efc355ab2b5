"""Pure numerics: arrays or sums in, frozen structs out, None where there is no value."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
