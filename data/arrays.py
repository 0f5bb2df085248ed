"""Types of the arrays that hold images. Annotations name them; docstrings add the shape."""

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""(H, W) or (H, W, C) values from 0 to 255: any picture, one of its channels, a soft mask."""

Photo = NDArray[np.uint8]
"""(H, W, 3) RGB from 0 to 255, upright."""

Mask = NDArray[np.bool_]
"""(H, W), true where the object is."""
