"""Pixel-accurate masks of large photos from small networks: what users import.

    from foveamask import Segmenter, read_photo

    mask = Segmenter.load("carvana")(read_photo("photos/car.jpg"))

Each name is imported when it is first asked for, so that `import foveamask` is instant.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from data.errors import InputError
    from data.images import decode_photo, encode_png, read_photo
    from data.masks import decode_mask, decode_soft_mask, encode_mask, read_mask, write_mask
    from pipeline.inference.mask_options import MaskOptions
    from pipeline.inference.mask_refining import RefinedMask, RefiningOptions, refine_mask
    from pipeline.inference.prediction import Prediction, Proposal
    from pipeline.inference.segmenter import Segmenter
    from pipeline.model import Model

HOMES = {
    "InputError": "data.errors",
    "MaskOptions": "pipeline.inference.mask_options",
    "Model": "pipeline.model",
    "Prediction": "pipeline.inference.prediction",
    "Proposal": "pipeline.inference.prediction",
    "RefinedMask": "pipeline.inference.mask_refining",
    "RefiningOptions": "pipeline.inference.mask_refining",
    "Segmenter": "pipeline.inference.segmenter",
    "decode_mask": "data.masks",
    "decode_soft_mask": "data.masks",
    "decode_photo": "data.images",
    "encode_mask": "data.masks",
    "encode_png": "data.images",
    "read_mask": "data.masks",
    "read_photo": "data.images",
    "refine_mask": "pipeline.inference.mask_refining",
    "write_mask": "data.masks",
}
"""The module that each name is defined in."""

__all__ = [
    "InputError",
    "MaskOptions",
    "Model",
    "Prediction",
    "Proposal",
    "RefinedMask",
    "RefiningOptions",
    "Segmenter",
    "decode_mask",
    "decode_photo",
    "decode_soft_mask",
    "encode_mask",
    "encode_png",
    "read_mask",
    "read_photo",
    "refine_mask",
    "write_mask",
]


def __getattr__(name: str) -> Any:
    """Import `name` from its home."""
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List what there is to import, whether it has been or not."""
    return sorted({*globals(), *__all__})
