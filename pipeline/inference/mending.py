"""Masks that are mended once the model has made them, such as by a person's strokes."""

from pathlib import Path
from typing import Protocol

from pipeline.inference.prediction import Prediction


class Mending(Protocol):
    """Mends the masks of some photos."""

    def key(self, photo: Path) -> str | None:
        """Return a hash of what is changed in the mask of a photo; None if nothing is."""

    def mended(self, photo: Path, prediction: Prediction) -> Prediction:
        """Return the prediction of a photo with what is changed in it.

        Raises:
            InputError: a file that this takes cannot be read.
        """
