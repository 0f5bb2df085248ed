"""The two stages put together: settings, training, prediction, evaluation, command line."""

from typing import Literal

DEFAULT_MODEL = "carvana"
"""The model of the package that is used where none is named."""

MASK_MODEL = "carvana-masks"
"""The same for masks from elsewhere: its second stage was trained on masks with random errors."""

Stage = Literal["coarse", "refined"]
"""How far a prediction goes."""
