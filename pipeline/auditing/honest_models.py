"""Models that may judge true masks: those that were not trained on them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data.errors import InputError
from data.samples import Sample
from pipeline.model import Model
from pipeline.model_folder import WEIGHTS, find_model, load_model
from pipeline.seen_photos import seen_hashes, seen_samples

log = logging.getLogger(__name__)

IN_A_RUN = ("model", "held-out/model", "folds-held-out/*/model", "folds/*/model")
"""Where the models of a run are: the finished one, those of `train --all-photos`, and the coarse
networks of `train-coarse --folds`."""


NOT_JUDGED = "%d of %d photos are not judged: all networks were trained on them; %s"

HELD_OUT = "`foveamask train --all-photos` trains others that were not"

OTHER_SHARES = (
    "of so many groups a share is held out, and trainings with another data.val_start hold others "
    "out (docs/how-to/audit.md)"
)


@dataclass(frozen=True)
class Judge:
    """A model with the photos that it judges."""

    name: str
    model: Model
    samples: Sequence[Sample]

    @property
    def quality(self) -> str:
        """The end of a line, with the Dice of the model on photos held out, where it is known."""
        scores = self.model.validation_scores
        dice = scores.get("refined_dice", scores.get("coarse_grid_dice"))
        return "" if dice is None else f"; its own Dice, on photos that it held out, is {dice:.4f}"


def models_of(run: Path) -> dict[str, Model]:
    """Return the models of a run by their names, those with a refiner first.

    Args:
        run: folder of a run, or of a model, or the name of one that comes with the package.

    Raises:
        InputError: there is none, or one is damaged.
    """
    found = [path for name in IN_A_RUN for path in sorted(run.glob(name))]
    folders = [path for path in found if (path / "model.json").is_file()] or [find_model(run)]
    models = {_called(folder): load_model(folder) for folder in folders}
    ordered = sorted(models, key=lambda name: models[name].refiner is None)
    return {name: models[name] for name in ordered}


def judges_of(run: Path, samples: Sequence[Sample]) -> list[Judge]:
    """Return the models of a run, each with photos that it was not trained on.

    A photo is judged by the first such model. One that does not name what it was trained on judges
    nothing.

    Raises:
        InputError: there is no model, or none that was not trained on any of the photos.
    """
    left, judges = list(samples), []
    for name, model in models_of(run).items():
        if not model.seen and not seen_hashes(model):
            log.warning("%s does not name the photos that it was trained on, and is left out", name)
            continue
        seen = seen_samples(model, left)
        own = [sample for sample, known in zip(left, seen, strict=True) if not known]
        left = [sample for sample, known in zip(left, seen, strict=True) if known]
        if own:
            judges.append(Judge(name, model, own))
            if model.refiner is None:
                log.warning(
                    "%s has no refiner: of %d photos, only large errors are found", name, len(own)
                )
    if not judges:
        raise InputError(
            f"all networks in {run} were trained on all {len(samples)} photos, and cannot judge "
            "their masks; `foveamask train --all-photos` trains networks that can"
        )
    if left:
        is_shared = any(run.glob("held-out/model"))
        log.warning(NOT_JUDGED, len(left), len(samples), OTHER_SHARES if is_shared else HELD_OUT)
    return judges


def _called(folder: Path) -> str:
    """Return the path of a model, or its name if it comes with the package."""
    return folder.name if folder.parent == WEIGHTS else str(folder)
