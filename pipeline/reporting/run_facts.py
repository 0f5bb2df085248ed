"""What a report says of how its masks were made."""

from datetime import UTC, datetime
from pathlib import Path

from data.mirrors import with_addresses
from pipeline.inference.made_with import made_with
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.run_file import computing
from pipeline.inference.segmenter import Segmenter
from pipeline.model import own_version


def facts_of_run(
    segmenter: Segmenter, options: MaskOptions, model: str, **places: Path
) -> list[tuple[str, str]]:
    """Return names with texts: places, the model, options, the device and the date.

    Args:
        segmenter: the model and its runtime.
        options: how masks are made.
        model: the model as it was named.
        places: folders, by what they are.

    Raises:
        InputError: the refined stage is requested, but the model has no refiner.
    """
    made = made_with(segmenter, options, ())
    budget = segmenter.max_tiles(options)
    return [
        *((name.replace("_", " "), with_addresses(str(path))) for name, path in places.items()),
        ("model", f"{model}, {made.model[:16]}"),
        ("last stage", made.stage),
        ("most tiles of a photo", "all that are uncertain" if budget is None else str(budget)),
        ("post-processing", ", ".join(made.postprocess) or "none"),
        ("computed on", computing(segmenter.device)),
        ("by", f"foveamask {own_version()}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"),
    ]
