"""Settings as TOML: reading, overriding, comparing and writing them."""

import logging
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import tomli_w

from data.errors import SettingsError
from data.files import replacing
from data.ranges import field_types, shown
from pipeline.config import CHOICES, Config, unused_options

log = logging.getLogger(__name__)

T = TypeVar("T")

OTHER_NAMES = {
    "data.validation": "data.val_share",
    "data.validation_start": "data.val_start",
    "coarse.workers": "coarse.num_workers",
    "tiles.train_budget": "tiles.max_patches_per_photo",
    "refiner.sees": "refiner.inputs",
}
"""Names in version 0.1 and later of settings that mean the same today. They are still read."""

RENAMED = {
    "coarse.unpool": "coarse.enet.unpool",
    "coarse.dropout": "coarse.enet.dropout or coarse.mlp.dropout",
    "coarse.early_dropout": "coarse.enet.early_dropout",
    "coarse.grid": "coarse.mlp.grid",
    "coarse.hidden": "coarse.mlp.hidden",
    "tiles.cut_by": 'tiles.patch_source: "final" for "own", or "folds"; "auto" and "init" are gone',
} | {
    f"{stage}.{old}": f"{stage}.{new}"
    for stage in ("coarse", "refiner")
    for old, new in {
        "clip_norm": "max_grad_norm",
        "ema": "ema_decay",
        "score_every": "validate_every",
        "warmup": "cosine.warmup",
        "plateau_factor": "plateau.factor",
        "plateau_patience": "plateau.patience",
    }.items()
}
"""Names in version 0.1 and later of settings that have changed, and their present names."""

REMOVED = {
    "coarse.fold_epochs": "the networks of coarse.folds are trained for coarse.epochs",
    "coarse.fold_init": "the networks of coarse.folds are initialised from coarse.init",
}
"""Settings that no longer exist, and what happens instead."""


def load_settings(path: Path, base: Config | None = None) -> Config:
    """Read settings from a TOML file; others are as in `base`, or have their defaults.

    Raises:
        SettingsError: the file is not TOML, or a setting is unknown, of the wrong type or out
            of its range.
        FileNotFoundError: there is no such file.
    """
    table = read_table(path)
    try:
        return overlaid(base or Config(), table)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from error


def read_table(path: Path) -> dict[str, Any]:
    """Return the settings in a TOML file, table by table, unchecked.

    Settings have their present names, whichever of `OTHER_NAMES` the file has.

    Raises:
        SettingsError: the file is not TOML.
        FileNotFoundError: there is no such file.
    """
    try:
        return _with_present_names(tomllib.loads(path.read_text(encoding="utf-8-sig")), path)
    except RecursionError as error:
        raise SettingsError(f"{path} is nested too deeply") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not text in UTF-8; save it as UTF-8") from error
    except ValueError as error:  # no TOML, or a number of too many digits
        raise SettingsError(f"{path} is not TOML: {error}") from error


def _with_present_names(table: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return the settings of the file `path` with present names in place of former ones."""
    for old, new in OTHER_NAMES.items():
        (group, former), name = old.split("."), new.split(".")[1]
        settings = table.get(group)
        if isinstance(settings, dict) and former in settings and name not in settings:
            log.warning("%s: %s is now called %s", path, old, new)
            settings[name] = settings.pop(former)
    return table


def save_settings(config: Config, path: Path) -> None:
    """Write the settings that are in use to `path`, so that `load_settings` gives them back."""
    with replacing(path) as partial:
        partial.write_text(tomli_w.dumps(as_table(config)))


def as_table(config: Config) -> dict[str, Any]:
    """Return `config` as a table of tables, without options of unused networks and schedules.

    Of `steps` and `epochs`, only the one that counts is in it.
    """
    result = asdict(config)
    for stage in ("coarse", "refiner"):
        del result[stage]["steps" if result[stage]["epochs"] else "epochs"]
        for _, name in unused_options(getattr(config, stage)):
            del result[stage][name]
    return result


def overlaid(below: Config, table: Mapping[str, Any]) -> Config:
    """Return `below`, overridden by the settings of `table`.

    Raises:
        SettingsError: one of them is unknown, of the wrong type or out of its range, or an option
            of a network or schedule that is not chosen, or both `steps` and `epochs` are set.
    """
    merged = _merged(as_table(below), table)
    for stage in ("coarse", "refiner"):
        if isinstance(merged[stage], Mapping) and isinstance(table.get(stage, {}), Mapping):
            _choose_length(stage, merged[stage], table.get(stage, {}))
            _drop_unused(stage, merged[stage], table.get(stage, {}))
    return from_table(Config, merged)


def from_table(cls: type[T], table: Mapping[str, Any], at: str = "") -> T:
    """Return the dataclass `cls` from a table; `at` is the name of the table and a dot.

    Raises:
        SettingsError: a setting is unknown, of the wrong type or out of its range.
    """
    types, values = field_types(cls), dict[str, Any]()
    for key, value in table.items():
        if key not in types:
            raise SettingsError(_unknown(key, list(types), at))
        nested = types[key] if is_dataclass(types[key]) else None
        if isinstance(nested, type) and isinstance(value, Mapping):
            values[key] = from_table(nested, value, f"{at}{key}.")
        else:
            values[key] = value
    try:
        return cls(**values)
    except SettingsError as error:
        raise SettingsError(f"{at}{error}") from error


def changed(old: Any, new: Any, at: str = "") -> list[str]:
    """Return the names of the settings in which two configs of one type differ."""
    if is_dataclass(old) and not isinstance(old, type):
        return [
            name
            for f in fields(old)
            for name in changed(getattr(old, f.name), getattr(new, f.name), f"{at}.{f.name}")
        ]
    return [] if old == new else [at.lstrip(".")]


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return `below`, overridden by the values of `above`, table by table."""
    result = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(below.get(key), Mapping)
        result[key] = _merged(below[key], value) if both else value
    return result


def _choose_length(stage: str, merged: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Let the `given` one of `steps` and `epochs` replace the other in the table `merged`.

    Raises:
        SettingsError: both are given.
    """
    if given.get("steps") and given.get("epochs"):
        raise SettingsError(f"{stage}.steps and {stage}.epochs were both set; take one of them out")
    if "steps" in given and "epochs" not in given:
        merged.pop("epochs", None)
    if given.get("epochs"):
        merged.pop("steps", None)


def _drop_unused(stage: str, merged: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Remove options of networks and schedules not chosen from the table `merged` of a stage.

    Raises:
        SettingsError: some of them are `given`.
    """
    for setting, names in CHOICES.items():
        chosen = merged.get(setting)
        for name in names:
            if name == chosen or setting not in merged:
                continue
            for key in given[name] if isinstance(given.get(name), Mapping) else ():
                raise SettingsError(
                    f"{stage}.{name}.{key} was set, but {stage}.{setting} = {shown(chosen)}"
                )
            if name not in given:
                merged.pop(name, None)


def _unknown(key: str, known: list[str], at: str) -> str:
    name = at + key
    if name in RENAMED:
        return f"{name} is now called {RENAMED[name]}"
    if name in REMOVED:
        return f"{name} is gone: {REMOVED[name]}; take it out"
    near = [at + other for other in get_close_matches(key, known, n=1)]
    guess = f"; did you mean {near[0]}? There" if near else "; there"
    return f"no setting {shown(name)[1:-1]}{guess} are {', '.join(at + other for other in known)}"
