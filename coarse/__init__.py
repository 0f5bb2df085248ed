"""Coarse stage: from a photo, shrunk, to a logit for each of its pixels and the tiles in doubt."""
