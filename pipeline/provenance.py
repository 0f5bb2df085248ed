"""The provenance of a model: what its weights were trained on, and with which settings."""

import re
from typing import Any

HASHES = re.compile("([0-9a-f]{16})*")
"""Hashes of photos in the provenance of a model."""


def check_provenance(provenance: Any) -> None:
    """Raise unless the parts of `provenance` that are read elsewhere have the expected types.

    Raises:
        ValueError: they have not.
    """
    if not isinstance(provenance, dict):
        raise ValueError("provenance is a table")
    groups, settings = provenance.get("groups", []), provenance.get("settings", {})
    if not isinstance(groups, list | tuple) or not all(isinstance(name, str) for name in groups):
        raise ValueError("provenance.groups is a list of names")
    patterns = provenance.get("group_patterns", [])
    if not isinstance(patterns, list | tuple) or not all(
        isinstance(text, str) for text in patterns
    ):
        raise ValueError("provenance.group_patterns is a list of regular expressions")
    for name in ("photo_hashes", "validation_photo_hashes"):
        if not HASHES.fullmatch(str(provenance.get(name, ""))):
            raise ValueError(f"provenance.{name} is a text of hashes, 16 hexadecimal digits each")
    data = settings.get("data", {}) if isinstance(settings, dict) else None
    if not isinstance(data, dict) or not isinstance(data.get("group", ""), str):
        raise ValueError("provenance.settings is a table of tables of settings")
