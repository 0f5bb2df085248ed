"""Everything that reads files of a user, each with a folder of files for it to damage."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, features

from data import kaggle_csv
from data.encoding import FORMATS, encode_picture
from data.images import read_photo, read_size
from data.masks import read_mask
from data.photo_metadata import Metadata
from data.picture_provenance import PictureProvenance, provenance_in
from data.polygons import FormatName
from data.polygons.conversion import Conversion, convert
from pipeline.config import TrainConfig
from pipeline.inference.made_with import MadeWith
from pipeline.inference.manifest import resumed
from pipeline.inference.records import Record
from pipeline.inference.run_file import RUN_FILE, Call, Figures, earlier_calls, recorded
from pipeline.model_folder import load_model
from pipeline.toml_settings import load_settings
from pipeline.training import checkpoint, run_folder
from pipeline.training.fold_models import unseen_weights_hash
from pipeline.training.loop import new_state
from pipeline.training.patches import open_patches
from pipeline.training.plan import plan_of
from tests.builders import SIZE, middle_disc, shaded_photo
from tests.tiny_runs import TinyBatches, small_run, tiny_network
from tests.torture import service_files
from tests.torture.workshop import Workshop


@dataclass(frozen=True)
class Reader:
    """A reader, files for it, and which of them to damage."""

    name: str
    make: Callable[[Workshop, Path], object]
    """Writes the undamaged files to a folder."""
    read: Callable[[Path], object]
    """Reads that folder; the value shows in its `repr` all that was read."""
    targets: str = "*"
    """Files to damage, as a pattern."""
    has_checksum: bool = False
    """Whether damage cannot pass for another right content."""
    whole_or_refused: bool = False
    """Whether a file that is cut off must be noticed."""


def _array(values: Any) -> tuple[Any, ...]:
    return np.shape(values), hashlib.sha256(np.ascontiguousarray(values)).hexdigest()


def _only(folder: Path) -> Path:
    (path,) = (path for path in folder.iterdir() if path.is_file())
    return path


def _save(_: Workshop, folder: Path, name: str, mode: str = "RGB", **options: Any) -> None:
    picture = Image.fromarray(shaded_photo((40, 56), 9))
    if mode == "I;16":
        picture = Image.fromarray(np.array(picture.convert("L")).astype(np.uint16) * 257)
    elif mode != "RGB":
        picture = picture.convert(mode)
    picture.save(folder / name, **options)


def _save_mask(_: Workshop, folder: Path, name: str, **options: Any) -> None:
    Image.fromarray(middle_disc((40, 56))).save(folder / name, **options)


def _read_photo(folder: Path) -> object:
    path = _only(folder)
    return read_size(path), _array(read_photo(path))


def _photo(name: str, file: str, mode: str = "RGB", **options: Any) -> Reader:
    exact = file.endswith(".png")
    make = partial(_save, name=file, mode=mode, **options)
    return Reader(f"photo-{name}", make, _read_photo, has_checksum=exact, whole_or_refused=True)


def _mask(file: str, **options: Any) -> Reader:
    return Reader(
        f"mask-{file.partition('.')[2]}",
        partial(_save_mask, name=file, **options),
        lambda folder: _array(read_mask(_only(folder))),
        has_checksum=file.endswith(".png"),
        whole_or_refused=True,
    )


def _copy(workshop: Workshop, folder: Path, source: str) -> None:
    origin = workshop.root / source
    paths = sorted(origin.rglob("*")) if origin.is_dir() else [origin]
    for path in paths:
        if path.is_file():
            target = folder / path.relative_to(origin if origin.is_dir() else origin.parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())


def _read_model(folder: Path) -> object:
    model = load_model(folder)
    described = (model.low, model.high, model.provenance, model.scores, model.dice_interval)
    return model.weights(), *described


def _write_results(_: Workshop, folder: Path) -> None:
    with resumed(folder, MADE) as records:
        for i in range(20):
            records.add(f"photo {i}", Record(f"{i:064x}", {"mask": f"{i:064x}"}, i / 20))


def _read_results(folder: Path) -> object:
    with resumed(folder, MADE) as records:
        return sorted(records.found.items())


def _write_calls(_: Workshop, folder: Path) -> None:
    for _number in range(3):
        call = Call({"out": "out"}, "tiny")
        with recorded(folder / RUN_FILE, call, MADE, "cpu", lambda: Figures(4)):
            pass


def _write_provenance(_: Workshop, folder: Path, name: str) -> None:
    metadata = Metadata(provenance=PictureProvenance("foveamask 1.0", {"model": "m" * 64}))
    data = encode_picture(shaded_photo((40, 56), 9), FORMATS[name], metadata=metadata)
    (folder / f"a.{name}").write_bytes(data)


def _read_provenance(folder: Path) -> object:
    return provenance_in(_only(folder).read_bytes(), "it")


def _write_training(_: Workshop, folder: Path) -> None:
    small_run(folder)


def _read_training(folder: Path) -> object:
    network = tiny_network()
    config = TrainConfig(epochs=4)
    state = new_state(network, config, plan_of(config, len(TinyBatches())), "tiny")
    state.restore(folder / "last.pt")
    weights = [_array(value) for value in state.model.state_dict().values()]
    score = checkpoint.load_best(network, folder)
    best = [_array(value) for value in network.state_dict().values()]
    return weights, best, score, state.epoch, state.best_score


def _read_patches(folder: Path) -> object:
    config = run_folder.read_settings(folder, None, "train-refiner")
    cache = open_patches(folder, config, unseen_weights_hash(folder, config))
    return {name: _array(array[:]) for name, array in cache.arrays.items()}, _array(cache.outside)


def _write_polygons(workshop: Workshop, folder: Path, to: FormatName) -> None:
    source = workshop.inputs / "data" / "masks"
    single = to in ("coco", "csv")
    convert(Conversion(source, folder / "all.json" if single else folder, to))


def _read_polygons(folder: Path, source: FormatName) -> object:
    out = folder / "out"
    given = folder / "all.json" if source == "coco" else folder
    for error in convert(Conversion(given, out, "png", source, size=SIZE)):
        raise error
    return [(path.name, path.read_bytes()) for path in sorted(out.rglob("*.png"))]


def _polygons(name: FormatName, targets: str) -> Reader:
    make, read = partial(_write_polygons, to=name), partial(_read_polygons, source=name)
    return Reader(f"polygons-{name}", make, read, targets)


MADE = MadeWith("m" * 64, "refined", None, ["fill-holes"], ["mask"])

READERS = (
    _photo("jpeg", "a.jpg"),
    _photo("jpeg-progressive", "a.jpg", progressive=True, quality=60),
    _photo("jpeg-cmyk", "a.jpg", "CMYK"),
    _photo("jpeg-grey", "a.jpg", "L"),
    _photo("png", "a.png"),
    _photo("png-palette", "a.png", "P", transparency=3),
    _photo("png-16", "a.png", "I;16"),
    _photo("tiff", "a.tif"),
    _photo("tiff-lzw", "a.tif", compression="tiff_lzw"),
    _photo("tiff-jpeg", "a.tif", compression="jpeg"),
    _photo("webp", "a.webp"),
    _photo("webp-lossless", "a.webp", lossless=True),
    _photo("bmp", "a.bmp"),
    _photo("gif", "a.gif"),
    *([_photo("avif", "a.avif")] if features.check("avif") else []),
    *(_mask(f"m.{suffix}") for suffix in ("png", "gif", "tif", "bmp")),
    _mask("m.webp", lossless=True),
    _mask("m.jpg", quality=95),
    Reader(
        "csv",
        partial(_copy, source="whole/predict/masks.csv"),
        lambda folder: kaggle_csv.check(_only(folder), size=SIZE),
    ),
    Reader(
        "csv-gz",
        partial(_copy, source="whole/predict-gz/masks.csv.gz"),
        lambda folder: kaggle_csv.check(_only(folder), size=SIZE),
        has_checksum=True,
        whole_or_refused=True,
    ),
    Reader("settings", partial(_copy, source="inputs/run.toml"), lambda f: load_settings(_only(f))),
    Reader("model-json", partial(_copy, source="inputs/model"), _read_model, "model.json"),
    Reader("weights", partial(_copy, source="inputs/model"), _read_model, "*.safetensors", True),
    Reader("results", _write_results, _read_results, ".foveamask.json*"),
    Reader("calls", _write_calls, lambda folder: earlier_calls(_only(folder))),
    *(
        Reader(f"provenance-{name}", partial(_write_provenance, name=name), _read_provenance)
        for name in ("png", "jpg", "webp")
    ),
    Reader("checkpoint", _write_training, _read_training, "*.pt", True, True),
    Reader(
        "patches", partial(_copy, source="whole/make-patches"), _read_patches, "patches.zarr/**/*"
    ),
    _polygons("coco", "all.json"),
    _polygons("labelme", "*.json"),
    _polygons("yolo", "**/*.txt"),
    _polygons("svg", "*.svg"),
    _polygons("geojson", "*.geojson"),
    *(Reader(name, *both) for name, both in service_files.WRITTEN_AND_READ.items()),
)
"""All readers. Settings given as numbers in JSON or TOML may well read as others when damaged."""
