"""From a photo to its mask: the networks as they are run, one photo or many, results to files."""

from data.polygons import POLYGONS

OUTPUT_NAMES = ("mask", "cutout", "alpha", *POLYGONS)
"""What can be made of a photo, see `pipeline.inference.chosen_outputs`."""
