import os
from pathlib import Path

import pytest

from data import locks
from data.errors import InputError, SettingsError
from pipeline.config import CoarseConfig, Config
from pipeline.toml_settings import save_settings
from pipeline.training import run_folder
from pipeline.training.run_folder import TABLES, locked, read_settings, record
from tests.builders import setting_names


def run_of(folder: Path, *begun: str) -> Path:
    """A run with default settings, and stages that have been trained for an epoch."""
    record(folder, Config())
    for stage in begun:
        (folder / stage).mkdir()
        (folder / stage / "last.pt").touch()
    return folder


def accepted(run: Path, command: str) -> set[str]:
    """Settings that `command` may change."""
    names = setting_names(Config)

    def is_accepted(name: str) -> bool:
        try:
            run_folder.check_changes(run, [name], command)
        except InputError:
            return False
        return True

    return set(filter(is_accepted, names))


def settings_in(*tables: str) -> set[str]:
    return {n for n in setting_names(Config) if n.partition(".")[0] in tables}


ALWAYS = {
    *("coarse.steps", "coarse.epochs", "coarse.num_workers", "coarse.folds"),
    *("refiner.steps", "refiner.epochs", "postprocess"),
}


def test_before_training_each_command_changes_what_it_and_those_after_it_read(tmp_path: Path):
    run = run_of(tmp_path / "run")

    assert accepted(run, "train-coarse") == settings_in(
        "data", "coarse", "tiles", "refiner", "postprocess"
    )
    assert accepted(run, "make-patches") == settings_in("tiles", "refiner", "postprocess")
    assert accepted(run, "train-refiner") == settings_in("refiner", "postprocess")


def test_what_stage_one_was_trained_with_is_fixed(tmp_path: Path):
    run = run_of(tmp_path / "run", "coarse")

    later = settings_in("tiles", "refiner", "postprocess")
    assert accepted(run, "train-coarse") == later | ALWAYS
    assert accepted(run, "make-patches") == later
    assert accepted(run, "train-refiner") == settings_in("refiner", "postprocess")


def test_what_the_refiner_was_trained_with_is_fixed(tmp_path: Path):
    run = run_of(tmp_path / "run", "coarse", "refiner")

    assert accepted(run, "train-coarse") == ALWAYS
    for command in ("make-patches", "train-refiner"):
        assert accepted(run, command) == {"refiner.steps", "refiner.epochs", "postprocess"}


def test_every_table_is_read_by_a_command():
    tables = {name.partition(".")[0] for name in setting_names(Config)}

    assert tables == {table for tables in TABLES.values() for table in tables}


def test_fixed_settings_are_named(tmp_path: Path):
    run = run_of(tmp_path / "run", "coarse")

    with pytest.raises(
        InputError, match=r"started with other values of coarse\.lr, data\.long_side; train in anot"
    ):
        run_folder.check_changes(run, ["coarse.lr", "data.long_side", "tiles.low"], "train-coarse")


@pytest.mark.parametrize(
    ("name", "command", "reader"),
    [
        ("coarse.epochs", "make-patches", "train-coarse"),
        ("coarse.epochs", "train-refiner", "train-coarse"),
        ("tiles.low", "train-refiner", "make-patches"),
    ],
)
def test_a_setting_of_another_command_is_answered_with_that_one(
    tmp_path: Path, name: str, command: str, reader: str
):
    run = run_of(tmp_path / "run", "coarse")

    with pytest.raises(InputError) as caught:
        run_folder.check_changes(run, [name], command)

    assert str(caught.value) == (
        f"{command} does not change {name}; pass --config to `foveamask {reader} DATA {run}`"
    )


def test_the_command_line_goes_over_the_file_over_the_run_over_the_defaults(tmp_path: Path):
    run, given = tmp_path / "run", tmp_path / "given.toml"
    record(run, Config(coarse=CoarseConfig(lr=0.1, epochs=2, folds=2)))
    given.write_text("[coarse]\nepochs = 3\nfolds = 3\n")

    config = read_settings(run, given, "train-coarse", {"coarse": {"folds": 4}})

    assert config == Config(coarse=CoarseConfig(lr=0.1, epochs=3, folds=4))
    assert read_settings(tmp_path / "new", None, "train-coarse") == Config()


def test_a_run_of_the_version_before_is_refused_with_what_to_do(tmp_path: Path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.toml").write_text("[coarse]\nema = 0.99\n")

    with pytest.raises(InputError) as caught:
        read_settings(run, None, "train-coarse")

    assert not isinstance(caught.value, SettingsError)  # of which the command line is at fault
    assert "coarse.ema is now called coarse.ema_decay; this version cannot" in str(caught.value)
    assert str(caught.value).endswith("train in another folder")
    assert "\n" not in str(caught.value)


def test_a_folder_made_for_nothing_is_removed(tmp_path: Path):
    with pytest.raises(InputError), locked(tmp_path / "run"):
        raise InputError("no such data")

    assert not (tmp_path / "run").exists()


def test_a_folder_with_anything_in_it_stays(tmp_path: Path):
    (tmp_path / "before").mkdir()

    with pytest.raises(InputError), locked(tmp_path / "before"):
        raise InputError("no such data")
    with locked(tmp_path / "new"):
        save_settings(Config(), tmp_path / "new" / "config.toml")

    assert (tmp_path / "before" / ".lock").exists()
    assert (tmp_path / "new" / "config.toml").exists()


def test_a_lock_that_was_removed_meanwhile_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run, lockf = tmp_path / "run", locks.fcntl.lockf

    def late(file: object, how: int) -> None:
        (run / ".lock").unlink()
        lockf(file, how)

    monkeypatch.setattr(locks.fcntl, "lockf", late)

    with pytest.raises(InputError, match="another command is at work"), locked(run):
        pass


def test_other_processes_of_torchrun_lock_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(os.environ, "RANK", "1")

    with locked(tmp_path / "run"):
        assert not (tmp_path / "run").exists()
