"""The ONNX file of a model: its graph, and what it says of itself."""

import re
from dataclasses import replace
from pathlib import Path

import onnx
from onnx import helper

from data.errors import InputError
from pipeline.exporting.whole_graph import (
    ALL_TILES,
    BUDGET,
    LOGITS,
    MASK,
    NOVELTY,
    PHOTO,
    whole_graph,
)
from pipeline.inference.mask_options import MaskOptions
from pipeline.model import NO_REFINER, Model, identity, own_version
from pipeline.model_folder import find_model

FORMAT = 1
"""Format of the inputs, outputs and properties of such a file."""

DESCRIPTIONS = {
    PHOTO: "the photo, upright, in sRGB: (height, width, 3), red, green and blue from 0 to 255",
    BUDGET: f"most tiles to refine, the most uncertain first; {ALL_TILES} for all uncertain ones",
    MASK: "the mask at the photo's own size, (height, width): 255 where the object is, else 0",
    LOGITS: "the logit of each pixel before post-processing, (height, width); above 0 is object",
    NOVELTY: "above 1 the photo is unlike those that the model was trained on",
}
"""What inputs and outputs are."""

TERMS = "## Data and terms"
"""The part of a model card that says under which terms its weights are."""


def exported_model(model: Model, options: MaskOptions) -> Model:
    """Return `model` as it is exported: its last stage and its post-processing those of `options`.

    Raises:
        InputError: the refined stage is wanted of a model without a refiner.
    """
    if options.stage == "refined" and model.refiner is None:
        raise InputError(NO_REFINER)
    refiner = None if options.stage == "coarse" else model.refiner
    steps = model.postprocess if options.postprocess is None else options.postprocess
    return replace(model, refiner=refiner, postprocess=steps)


def onnx_model(
    model: Model, *, name: str, half_weights: bool = False, licence: str = ""
) -> onnx.ModelProto:
    """Return `model` as an ONNX model that describes itself.

    Args:
        model: the model; what it holds is exported.
        name: what the file says it is called.
        half_weights: whether weights are stored as float16, for a file of half the size.
        licence: the terms of the weights.

    Raises:
        InputError: a post-processing step or a network cannot be part of a graph.
    """
    result = whole_graph(model, half_weights=half_weights)
    for value in (*result.graph.input, *result.graph.output):
        value.doc_string = DESCRIPTIONS[value.name]
    result.producer_name, result.producer_version = "foveamask", own_version()
    result.model_version = FORMAT
    result.doc_string = "\n".join(
        f"{value.name}: {value.doc_string}" for value in (*result.graph.input, *result.graph.output)
    )
    helper.set_model_props(result, properties(model, name, half_weights, licence))
    onnx.checker.check_model(result)
    return result


def properties(model: Model, name: str, half_weights: bool, licence: str) -> dict[str, str]:
    """Return the properties that the file of a model has."""
    return {
        "foveamask_version": own_version(),
        "format": str(FORMAT),
        "model": name,
        "model_sha256": identity(model),
        "stage": "coarse" if model.refiner is None else "refined",
        "weights": "float16" if half_weights else "float32",
        "long_side": str(model.long_side),
        "tile_side": str(model.fovea.tile),
        "levels": str(model.fovea.levels),
        "uncertain": f"{model.low} < p < {model.high}",
        "postprocess": ",".join(map(str, model.postprocess)),
        "licence": licence,
    }


def about(file: onnx.ModelProto) -> str:
    """Return a line for people on what a file is, from its properties."""
    found = {entry.key: entry.value for entry in file.metadata_props}
    model, version = found["model"], found["foveamask_version"]
    name = f"Model {model} by foveamask {version}, {found['model_sha256'][:16]}."
    return f"{name} {found['licence']}".strip()


def terms_of(name: str | Path) -> str:
    """Return the terms of a model's weights, as the card in its folder states them; "" if none.

    Raises:
        InputError: there is no such model.
    """
    card = find_model(name) / "README.md"
    if not card.is_file():
        return ""
    _, _, rest = card.read_text(encoding="utf-8", errors="replace").partition(f"{TERMS}\n")
    text = re.sub(r"\[([^]]+)\]\(([^)]+)\)", r"\1 (\2)", rest.partition("\n## ")[0])
    return " ".join(text.replace("`", "").split())
