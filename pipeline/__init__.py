"""The two stages put together: settings, training, prediction, evaluation, command line."""

from typing import Literal

DEFAULT_MODEL = "carvana"
"""The model of the package that is used where none is named."""

Stage = Literal["coarse", "refined"]
"""How far a prediction goes."""
