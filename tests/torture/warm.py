"""Imports of all that the commands import when they run, so that forked children need not."""

import gc
import importlib

LATE = (
    *("torch._dynamo", "torch.fx", "torch.optim", "zarr", "zarr.codecs", "zarr.storage"),
    *("cv2", "scipy.ndimage", "skimage.measure", "PIL.AvifImagePlugin", "data.samples"),
    *(
        "data.polygons.conversion",
        "data.studio",
        "pipeline.cli.data_commands",
        "pipeline.evaluation.evaluate",
        "pipeline.exporting.onnx_file",
    ),
    *("pipeline.inference.cpu_setup", "pipeline.inference.predict", "pipeline.reporting.show"),
    *("pipeline.training.commands", "encodings.utf_8_sig"),
)
"""What is imported inside functions, by us and by torch."""


def import_all() -> None:
    """Import them, and keep them out of the garbage collections of children."""
    for name in LATE:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
