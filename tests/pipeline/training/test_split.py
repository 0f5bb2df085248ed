from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data.errors import InputError, SettingsError
from data.groups import split
from data.samples import find_samples
from pipeline.config import CoarseConfig, Config, DataConfig, TilesConfig
from pipeline.training.commands import check_folds
from pipeline.training.split import check_exclude, split_samples
from tests.layouts import write_carvana


def test_photos_excluded_are_not_trained_on(tmp_path: Path):
    write_carvana(tmp_path, [f"{car:012x}_01" for car in range(12)])
    train, val = split_samples([tmp_path], DataConfig())
    config = DataConfig(exclude=(train[1].name, val[0].name))

    chosen, still_val = split_samples([tmp_path], config)

    assert chosen == [train[0], *train[2:]]
    assert still_val == val


def test_what_is_excluded_and_not_there_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    write_carvana(tmp_path, [f"{car:012x}_01" for car in range(12)])
    check_exclude([tmp_path], DataConfig(exclude=(f"{1:012x}_01",)))
    assert not caplog.text

    check_exclude([tmp_path], DataConfig(exclude=(f"{1:012x}_01", f"{2:012x}_01.jpg")))

    assert f"data.exclude names unknown photos: {2:012x}_01.jpg" in caplog.text


def test_the_settings_say_which_groups_are_held_out(tmp_path: Path):
    stems = [f"{colour}-{number}" for colour in "abcdefghijkl" for number in range(2)]
    write_carvana(tmp_path, stems)
    pattern = "([a-z])-.*"
    config = DataConfig(group=pattern, val_share=0.3, val_start=0.4, split_seed=2)

    train, val = split_samples([tmp_path], config)

    samples = find_samples(tmp_path, group_pattern=pattern)
    assert (train, val) == split(samples, share=0.3, start=0.4, seed=2)
    assert val[0].group == val[0].name[0]
    others = [{"val_share": 0.5}, {"val_start": 0.0}, {"split_seed": 0}, {"group": "(.*)"}]
    for other in others:
        assert split_samples([tmp_path], replace(config, **other))[1] != val, other


def test_to_exclude_every_training_photo_is_refused(tmp_path: Path):
    write_carvana(tmp_path, [f"{car:012x}_01" for car in range(12)])
    train, _ = split_samples([tmp_path], DataConfig())

    with pytest.raises(InputError, match=rf"data\.exclude names all {len(train)} photos"):
        split_samples([tmp_path], DataConfig(exclude=tuple(sample.name for sample in train)))


def test_further_folders_are_for_training_except_validation_cars_of_the_first(tmp_path: Path):
    cars = [f"{car:012x}" for car in range(24)]
    write_carvana(tmp_path / "one", [f"{car}_01" for car in cars[:12]])
    write_carvana(tmp_path / "two", [f"{car}_02" for car in cars])

    train, val = split_samples([tmp_path / "one", tmp_path / "two"], DataConfig())

    assert val == split_samples([tmp_path / "one"], DataConfig())[1]
    val_cars = {sample.group for sample in val}
    names = {f"{car}_01" for car in cars[:12]} | {f"{car}_02" for car in cars}
    assert [s.name for s in train] == sorted(name for name in names if name[:12] not in val_cars)


@pytest.mark.parametrize(("folds", "source"), [(5, "final"), (0, "folds")])
def test_folds_that_nothing_uses_or_that_are_not_trained_are_refused(folds: int, source: Any):
    config = Config(coarse=CoarseConfig(folds=folds), tiles=TilesConfig(patch_source=source))

    with pytest.raises(SettingsError, match="do not go together"):
        check_folds(config)
