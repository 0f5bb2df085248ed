from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.errors import InputError
from pipeline.config import DataConfig
from pipeline.training.coarse_training import check_exclude, split_samples


def write_photos(folder: Path, names: Iterable[str], size: tuple[int, int] = (6, 4)) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", size, "teal").save(folder / name)


def write_masks(folder: Path, names: Iterable[str], size: tuple[int, int] = (6, 4)) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        mask = np.zeros(size[::-1], np.uint8)
        mask[:2] = 1
        Image.fromarray(mask).save(folder / name)


def write_carvana(data: Path, stems: Iterable[str]) -> None:
    stems = list(stems)
    write_photos(data / "train", [f"{stem}.jpg" for stem in stems])
    write_masks(data / "train_masks", [f"{stem}_mask.gif" for stem in stems])


def test_photos_excluded_are_not_trained_on(tmp_path: Path):
    write_carvana(tmp_path, [f"{car:012x}_01" for car in range(12)])
    kept, held_out = split_samples([tmp_path], DataConfig())
    config = DataConfig(exclude=(kept[1].name, held_out[0].name))

    wanted, still_held_out = split_samples([tmp_path], config)

    assert wanted == [kept[0], *kept[2:]]
    assert still_held_out == held_out


def test_what_is_excluded_and_not_there_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    write_carvana(tmp_path, [f"{car:012x}_01" for car in range(12)])
    check_exclude([tmp_path], DataConfig(exclude=(f"{1:012x}_01",)))
    assert not caplog.text

    check_exclude([tmp_path], DataConfig(exclude=(f"{1:012x}_01", f"{2:012x}_01.jpg")))

    assert f"data.exclude names what is not there: {2:012x}_01.jpg" in caplog.text


def test_to_exclude_every_training_photo_is_refused(tmp_path: Path):
    write_carvana(tmp_path, [f"{car:012x}_01" for car in range(12)])
    kept, _ = split_samples([tmp_path], DataConfig())

    with pytest.raises(InputError, match=rf"data\.exclude names all {len(kept)} photos"):
        split_samples([tmp_path], DataConfig(exclude=tuple(sample.name for sample in kept)))


def test_further_folders_are_learnt_from_but_for_the_cars_held_out_of_the_first(tmp_path: Path):
    cars = [f"{car:012x}" for car in range(24)]
    write_carvana(tmp_path / "one", [f"{car}_01" for car in cars[:12]])
    write_carvana(tmp_path / "two", [f"{car}_02" for car in cars])

    kept, held_out = split_samples([tmp_path / "one", tmp_path / "two"], DataConfig())

    assert held_out == split_samples([tmp_path / "one"], DataConfig())[1]
    away = {sample.group for sample in held_out}
    names = {f"{car}_01" for car in cars[:12]} | {f"{car}_02" for car in cars}
    assert [s.name for s in kept] == sorted(name for name in names if name[:12] not in away)
