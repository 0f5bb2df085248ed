"""The commands that work on data sets."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from data.errors import SettingsError
from data.polygons import FormatName
from pipeline.cli.arguments import (
    Device,
    Flag,
    HeightWidth,
    ObjectEntries,
    Settings,
    Tolerance,
    check_data_paths,
    given_settings,
)
from pipeline.cli.program import answer, report


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ConvertArguments:
    """The options of `convert` that can be left out."""

    source_format: Annotated[FormatName | None, Parameter(name="--from")] = None
    """Format of IN; by default it is found by the content."""
    photos: Path | None = None
    """Folder of the photos, which gives their names and sizes. YOLO labels and a csv do not say how
    large their photos are."""
    size: HeightWidth | None = None
    """Height and width of all photos, where neither IN nor --photos gives them."""
    category: str | None = None
    """Category of the object. Of several in IN only this one is read; by default IN may have only
    one, and it is called object where IN does not name it."""
    tolerance: Tolerance = 0.0
    """Pixels by which a polygon may leave the contour in order to have fewer corners; 0 gives the
    mask exactly."""
    instances: Flag = False
    """Make each connected part of a mask an object; by default a photo has one object."""
    overwrite: Flag = False
    """Replace files with other content."""


DEFAULTS = ConvertArguments()


def check(
    data: list[Path],
    /,
    *,
    json_: Annotated[bool, Parameter(name="--json", negative=())] = False,
    sheet: Path | None = None,
    object_: ObjectEntries = (),
    config: Settings = None,
    device: Device = "auto",
) -> int:
    """Say what is wrong with photos and masks before a training, and what it would do with them.

    Everything is said at once, the heaviest first: why a training would fail, what is probably
    wrong, what is good to know. The exit status is 1 if a training would fail, and only then.

    Args:
        data: folders with photos and masks; photos to hold out come from the first one.
        json_: print one JSON object instead of text.
        sheet: also write a picture of all photos with the contours of their masks to this PNG file,
            doubtful ones first.
        object_: which values of the masks are the object, where these have several, such as 1 2,
            '#00b000' '#ff0000', or 'not 0': the setting data.object.
        config: settings file (TOML) of the training.
        device: device that a training would compute on; auto is a GPU if there is one.
    """
    check_data_paths(data, config)
    if sheet is not None and sheet.suffix.lower() != ".png":
        raise SettingsError(f"--sheet takes the name of a PNG file, not {sheet.name}")
    from data.files import prepare, write_bytes
    from pipeline.checking.check_report import json_of, text_of
    from pipeline.checking.contact_sheet import contact_sheet
    from pipeline.checking.dataset_check import check_dataset
    from pipeline.inference.devices import choose_device
    from pipeline.progress import progress

    chosen = choose_device(device)
    if sheet is not None:
        prepare(sheet)
    with progress("checking photos") as on_photo:
        found = check_dataset(data, given_settings(config, object_), on_photo)
    if sheet is not None and found.examined:
        with progress("drawing photos") as on_photo:
            write_bytes(sheet, contact_sheet(found, on_photo))
    expected = found.forecast(chosen)
    answer(json.dumps(json_of(found, expected)) if json_ else text_of(found, expected))
    return 1 if found.fatal else 0


def convert(
    source: Annotated[Path, Parameter(name="IN")],
    out: Path,
    /,
    *,
    to: FormatName,
    arguments: ConvertArguments = DEFAULTS,
) -> int:
    """Convert masks to polygons for labelling tools and other trainers, and back.

    Photos that cannot be converted are named, the others are converted, and the exit status is 1.

    Args:
        source: folder of masks, of YOLO, LabelMe, SVG or GeoJSON files, or one such file; or the
            file of COCO or of a Kaggle csv.
        out: folder for the results; for coco and csv, the file to write.
        to: format of the results.
        arguments: how to read and to write.
    """
    from data.geometry import Size
    from data.polygons.conversion import Conversion
    from data.polygons.conversion import convert as run
    from data.polygons.options import PolygonOptions
    from pipeline.progress import progress

    task = Conversion(
        source,
        out,
        to,
        source_format=arguments.source_format,
        photos=arguments.photos,
        size=None if arguments.size is None else Size(*arguments.size),
        category=arguments.category,
        polygons=PolygonOptions(
            category=arguments.category or "object",
            tolerance=arguments.tolerance,
            instances=arguments.instances,
        ),
        overwrite=arguments.overwrite,
    )
    with progress("converting") as on_photo:
        failures = run(task, on_photo)
    for failure in failures:
        report(failure)
    return 1 if failures else 0
