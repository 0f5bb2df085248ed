"""What a training that is resumed may be resumed with: the origins of both stages."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data.errors import InputError
from data.samples import Sample
from pipeline.config import CoarseConfig, Config, DataConfig, RefinerConfig
from pipeline.model_folder import save_model, weights_hash
from pipeline.network_config import MlpConfig
from pipeline.training import checkpoint, coarse_training, commands, refiner_training
from pipeline.training.patches import open_patches
from pipeline.training.split import split_samples
from tests.builders import (
    CPU,
    disc,
    grey,
    middle_disc,
    other_values,
    setting_names,
    shades,
    tiny_config,
    tiny_model,
    with_coarse,
    with_refiner,
    write_grey_data,
    write_sample,
    write_settings,
)
from tests.patch_builders import write_patches
from tests.spies import FitSpy

NUM_CARS = 10
TINY = with_coarse(tiny_config(), network="mlp", mlp=MlpConfig(grid=(4, 4), hidden=(4,)))
NEVER_IN_COARSE_ORIGINS = ("steps", "epochs", "num_workers", "folds")
"""Settings that do not change what a coarse network learns, or that more of it is learnt."""

Sides = tuple[list[Sample], list[Sample]]


def sides(data: Path, settings: Config) -> Sides:
    return split_samples([data], settings.data)


@pytest.fixture
def origin_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[list[Sample], list[Sample]], str]:
    """The origin that a coarse training on these photos goes by, validated on those."""
    fit = FitSpy()
    monkeypatch.setattr(coarse_training, "fit", fit)

    def origin(train: list[Sample], val: list[Sample], settings: Config = TINY) -> str:
        photos = coarse_training.load_photos([*train, *val], settings)
        coarse_training.train_coarse(photos, train, val, tmp_path, settings, CPU)
        return fit.origin

    return origin


def train_refiner(run: Path, settings: Config) -> None:
    cache = open_patches(run, settings, weights_hash(run / "model"))
    refiner_training.train_refiner(cache, run / "refiner", settings, CPU)


def train_coarse(data: Path, run: Path, settings: Config) -> Path:
    return commands.train_coarse([data], run, write_settings(run / "given.toml", settings), "cpu")


def check_origins(
    origin: Callable[[Any], str], settings: list[Any], names: list[str], without: tuple[str, ...]
) -> None:
    """Check that each of the settings `names` changes the origin, and that those `without` do not.

    Each can be set on one of `settings` at least. What networks are initialised from is not among
    them: it is a model's weights that count, not its name.
    """
    checked: set[str] = set()
    for some in settings:
        before, others = origin(some), other_values(some)
        for name in others.keys() - {"init"}:
            assert (origin(others[name]) == before) == (name in without), name
            checked.add(name)
    assert checked == set(names) - {"init"}


def test_the_same_data_and_settings_have_one_coarse_origin(
    tmp_path: Path, origin_of: Callable[..., str]
):
    here = sides(write_grey_data(tmp_path / "a", NUM_CARS), TINY)
    elsewhere = sides(write_grey_data(tmp_path / "b", NUM_CARS), TINY)

    origin = origin_of(*here)

    assert origin_of(*elsewhere) == origin
    for changes in ({"epochs": 9}, {"num_workers": 1}, {"folds": 5}):
        assert origin_of(*here, with_coarse(TINY, **changes)) == origin


def test_other_data_or_another_split_have_another_coarse_origin(
    tmp_path: Path, origin_of: Callable[..., str]
):
    kept, held_out = sides(write_grey_data(tmp_path / "same", NUM_CARS), TINY)
    origins = [
        origin_of(kept, held_out),
        origin_of(kept[1:], held_out),
        origin_of(kept, held_out[1:]),
        origin_of(held_out, kept),
        origin_of(kept[:-1], [*held_out, kept[-1]]),
        origin_of([replace(kept[0], group="x"), *kept[1:]], held_out),
    ]
    for change in (kept[0].photo, kept[0].mask, held_out[0].photo, held_out[0].mask):
        before = change.read_bytes()
        change.write_bytes(before + b" ")
        origins.append(origin_of(kept, held_out))
        change.write_bytes(before)

    assert len(set(origins)) == len(origins) == 10


def test_every_setting_that_changes_what_the_coarse_network_learns_changes_its_origin():
    settings = replace(tiny_config().coarse, folds=5)
    others = [
        settings,
        replace(settings, schedule="plateau", network="mlp"),
        replace(settings, network="linknet"),
    ]

    check_origins(
        lambda coarse: coarse_training.origin(replace(tiny_config(), coarse=coarse), "a", "b"),
        others,
        setting_names(CoarseConfig),
        NEVER_IN_COARSE_ORIGINS,
    )


def test_every_setting_of_the_data_changes_the_coarse_origin():
    check_origins(
        lambda data: coarse_training.origin(replace(tiny_config(), data=data), "a", "b"),
        [tiny_config().data],
        setting_names(DataConfig),
        (),
    )


def test_the_weights_that_the_coarse_network_begins_with_are_part_of_its_origin(tmp_path: Path):
    save_model(tiny_model(seed=1), tmp_path / "a")
    save_model(tiny_model(seed=1), tmp_path / "b")

    def origin(init: Path) -> str:
        return coarse_training.origin(with_coarse(tiny_config(), init=str(init)), "a", "b")

    first = origin(tmp_path / "a")
    assert first != coarse_training.origin(tiny_config(), "a", "b")
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

    train_coarse(data, run, with_coarse(TINY, epochs=2, num_workers=1))

    assert checkpoint.read(run / "coarse" / "last.pt")["epoch"] == 2


def test_every_setting_that_changes_what_the_refiner_learns_changes_its_origin():
    settings = tiny_config().refiner

    check_origins(
        lambda refiner: refiner_training.origin(replace(tiny_config(), refiner=refiner), "patches"),
        [settings, replace(settings, schedule="plateau")],
        setting_names(RefinerConfig),
        ("steps", "epochs"),
    )


def test_other_patches_have_another_origin_of_the_refiner():
    settings = tiny_config()

    origins = {refiner_training.origin(settings, patches) for patches in ("these", "others")}

    assert len(origins) == 2


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
    train_refiner(run, settings)

    train_refiner(run, with_refiner(settings, epochs=2))
    write_patches(run, settings, photos="others")

    assert checkpoint.read(run / "refiner" / "last.pt")["epoch"] == 2
    with pytest.raises(InputError, match=r"last\.pt was trained from other photos or settings"):
        train_refiner(run, with_refiner(settings, epochs=3))
