"""The synthetic studio: cars on a turntable, rendered, with exact masks."""

from data.studio.dataset_writer import write_dataset
from data.studio.photograph import render_photo

__all__ = ["render_photo", "write_dataset"]
