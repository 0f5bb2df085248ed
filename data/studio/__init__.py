"""The synthetic studio: cars on a turntable, rendered, with exact masks."""

from data.studio.dataset import write_dataset
from data.studio.render import render_photo

__all__ = ["render_photo", "write_dataset"]
