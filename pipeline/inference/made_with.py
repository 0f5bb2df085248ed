"""What results depend on besides the photos: the model, and how masks and outputs are made."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from data.picture_provenance import PictureProvenance
from data.printable import QUOTED, quoted
from pipeline.inference.given_masks import GivenMasks
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.outputs import Output
from pipeline.inference.segmenter import Segmenter
from pipeline.model import own_version


@dataclass(frozen=True)
class MadeWith:
    """Everything besides the photos that results depend on."""

    model: str
    """Its identity: a hash of weights, tiles and thresholds."""
    stage: str
    budget: int | None
    postprocess: list[str]
    outputs: list[str]
    masks: str | None = None
    """How masks that are given were refined; None if the model made them."""

    def provenance(
        self, output: Output, photo: str, mask: str | None = None
    ) -> PictureProvenance | None:
        """Return what the file of an output says of how it was made; None if it is to say nothing.

        Args:
            output: the output.
            photo: SHA-256 of the photo's file.
            mask: that of the mask that is refined, if one is given, or of what was mended.
        """
        if not output.has_metadata:
            return None
        details = asdict(self) | {"output": output.made_with, "photo": photo}
        del details["outputs"]
        if self.masks is None:
            del details["masks"]
            if mask is not None:
                details["mended"] = mask
        else:
            details["mask"] = mask
        return PictureProvenance(f"foveamask {own_version()}", details)


def made_with(
    segmenter: Segmenter,
    options: MaskOptions,
    outputs: Sequence[Output],
    given: GivenMasks | None = None,
) -> MadeWith:
    """Return what results of `segmenter` depend on, besides photos and `given` masks.

    Precision and device are left out: they change a few pixels of the contour at most.

    Raises:
        InputError: the refined stage is requested, but the model has no refiner.
    """
    chosen = options.postprocess
    steps = segmenter.model.postprocess if chosen is None else chosen
    return MadeWith(
        model=segmenter.identity,
        stage=segmenter.check_stage(options.stage),
        budget=options.budget,
        postprocess=[str(step) for step in steps],
        outputs=[output.made_with for output in outputs],
        masks=None if given is None else given.made_with(segmenter.model),
    )


def differences(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what results depend on and is not as it was, both as text, for a message."""
    return [
        name if name == "model" else f"{name} ({_change(earlier.get(name), value)})"
        for name, value in now.items()
        if earlier.get(name) != value
    ]


def _change(before: Any, now: Any) -> str:
    """Return both values; of long ones only the words that the other has not."""
    words, others = (_words(each) for each in (before, now))
    if max(map(len, map(" ".join, (words, others)))) > QUOTED and set(words) != set(others):
        before = [" ".join(word for word in words if word not in others)]
        now = [" ".join(word for word in others if word not in words)]
    return f"{_shown(before)}, now {_shown(now)}"


def _words(value: Any) -> list[str]:
    return " ".join(map(str, value)).split() if isinstance(value, list) else []


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return quoted(",".join(map(str, value))) or "none"
    return "none" if value is None else quoted(value)
