"""Cutouts: the object without its background, with alpha or on another background."""
