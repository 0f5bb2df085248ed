"""What a training that is resumed may be resumed with: the origins of both stages."""

from dataclasses import replace
from pathlib import Path

import pytest

from data.errors import InputError
from data.samples import Sample
from pipeline.config import Config, MlpConfig
from pipeline.model_folder import save_model
from pipeline.training import checkpoint, coarse_training, commands, refiner_training
from tests.builders import (
    CPU,
    disc,
    grey,
    middle_disc,
    other_values,
    shades,
    tiny_config,
    tiny_model,
    with_coarse,
    with_data,
    with_refiner,
    write_grey_data,
    write_patches,
    write_sample,
    write_settings,
)

NUM_CARS = 10
TINY = with_coarse(tiny_config(), network="mlp", mlp=MlpConfig(grid=(4, 4), hidden=(4,)))


def sides(data: Path, settings: Config) -> tuple[list[Sample], list[Sample]]:
    return coarse_training.split_samples([data], settings.data)


def train_coarse(data: Path, run: Path, settings: Config) -> Path:
    return commands.train_coarse([data], run, write_settings(run / "given.toml", settings), "cpu")


def test_the_same_data_and_settings_have_one_coarse_origin(tmp_path: Path):
    settings = tiny_config()
    kept, held_out = sides(write_grey_data(tmp_path / "a", NUM_CARS), settings)
    elsewhere = sides(write_grey_data(tmp_path / "b", NUM_CARS), settings)

    origin = coarse_training.origin(settings, kept, held_out)

    assert coarse_training.origin(settings, *elsewhere) == origin
    for changes in ({"epochs": 9}, {"workers": 3}, {"folds": 5}):
        assert coarse_training.origin(with_coarse(settings, **changes), kept, held_out) == origin


def test_other_data_or_another_split_have_another_coarse_origin(tmp_path: Path):
    settings = tiny_config()
    kept, held_out = sides(write_grey_data(tmp_path / "same", NUM_CARS), settings)
    origins = [
        coarse_training.origin(settings, kept, held_out),
        coarse_training.origin(settings, kept[1:], held_out),
        coarse_training.origin(settings, kept, held_out[1:]),
        coarse_training.origin(settings, held_out, kept),
        coarse_training.origin(settings, kept[:-1], [*held_out, kept[-1]]),
        coarse_training.origin(settings, [replace(kept[0], group="x"), *kept[1:]], held_out),
    ]
    for change in (kept[0].photo, kept[0].mask, held_out[0].photo, held_out[0].mask):
        before = change.read_bytes()
        change.write_bytes(before + b" ")
        origins.append(coarse_training.origin(settings, kept, held_out))
        change.write_bytes(before)

    assert len(set(origins)) == len(origins) == 10


def test_every_setting_that_changes_what_the_coarse_network_learns_changes_its_origin():
    settings = tiny_config()
    allowed = ("epochs", "workers", "init", "folds", "", "fold_init")
    origin = coarse_training.origin(settings, [], [])

    for name, value in other_values(settings.coarse).items():
        if name not in allowed:
            other = with_coarse(settings, **{name: value})
            assert coarse_training.origin(other, [], []) != origin, name
    for name, value in other_values(settings.data).items():
        other = with_data(settings, **{name: value})
        assert coarse_training.origin(other, [], []) != origin, name


def test_the_weights_that_the_coarse_network_begins_with_are_part_of_its_origin(tmp_path: Path):
    save_model(tiny_model(seed=1), tmp_path / "a")
    save_model(tiny_model(seed=1), tmp_path / "b")
    settings = tiny_config()

    def origin(init: Path) -> str:
        return coarse_training.origin(with_coarse(settings, init=str(init)), [], [])

    first = origin(tmp_path / "a")
    assert first != coarse_training.origin(settings, [], [])
    assert first == origin(tmp_path / "b")  # wherever they lie
    save_model(tiny_model(seed=2), tmp_path / "b")
    assert first != origin(tmp_path / "b")


@pytest.mark.parametrize("what", ["photo", "mask", "one more"])
def test_a_coarse_training_does_not_go_on_with_other_data(tmp_path: Path, what: str):
    data, run = write_grey_data(tmp_path / "data", NUM_CARS), tmp_path / "run"
    train_coarse(data, run, TINY)
    first = sides(data, TINY)[0][0]
    shade = grey(shades(NUM_CARS)[first.name])

    if what == "photo":
        write_sample(data, first.name, grey(77), middle_disc())
    if what == "mask":
        write_sample(data, first.name, shade, disc((32, 48), 20))
    if what == "one more":
        write_sample(data, f"{first.group}_02", shade, middle_disc())

    with pytest.raises(InputError, match=r"last\.pt was trained from other photos or settings"):
        train_coarse(data, run, with_coarse(TINY, epochs=2))


def test_a_coarse_training_goes_on_with_more_epochs_and_other_workers(tmp_path: Path):
    data, run = write_grey_data(tmp_path / "data", NUM_CARS), tmp_path / "run"
    train_coarse(data, run, TINY)

    train_coarse(data, run, with_coarse(TINY, epochs=2, workers=1))

    assert checkpoint.read(run / "coarse" / "last.pt")["epoch"] == 2


def test_every_setting_that_changes_what_the_refiner_learns_changes_its_origin():
    settings = tiny_config()
    origin = refiner_training.origin(settings, "patches")

    assert refiner_training.origin(settings, "other patches") != origin
    for name, value in other_values(settings.refiner).items():
        if name != "init":
            same = (
                refiner_training.origin(with_refiner(settings, **{name: value}), "patches")
                == origin
            )
            assert same == (name == "epochs"), name


def test_the_weights_that_the_refiner_begins_with_are_part_of_its_origin(tmp_path: Path):
    def origin(init: Path) -> str:
        return refiner_training.origin(with_refiner(tiny_config(), init=str(init)), "patches")

    save_model(tiny_model(seed=1), tmp_path / "a")
    save_model(tiny_model(seed=1), tmp_path / "b")
    first = origin(tmp_path / "a")
    assert first != refiner_training.origin(tiny_config(), "patches")
    assert first == origin(tmp_path / "b")  # wherever they lie
    save_model(tiny_model(seed=2), tmp_path / "b")
    assert first != origin(tmp_path / "b")


def test_a_refiner_does_not_go_on_with_patches_of_other_photos(tmp_path: Path):
    run, settings = write_patches(tmp_path, tiny_config(), photos="these"), tiny_config()
    refiner_training.train_refiner(run, settings, CPU)

    refiner_training.train_refiner(run, with_refiner(settings, epochs=2), CPU)
    write_patches(run, settings, photos="others")

    assert checkpoint.read(run / "refiner" / "last.pt")["epoch"] == 2
    with pytest.raises(InputError, match=r"last\.pt was trained from other photos or settings"):
        refiner_training.train_refiner(run, with_refiner(settings, epochs=3), CPU)
