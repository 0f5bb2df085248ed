import math
import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from data.datasets.augment import Augmentation
from data.datasets.patch_augment import PatchAugmentation
from data.errors import SettingsError
from pipeline.config import (
    CoarseConfig,
    Config,
    DataConfig,
    EnetConfig,
    MlpConfig,
    RefinerConfig,
    TilesConfig,
)
from pipeline.schedule_config import CosineConfig, PlateauConfig
from pipeline.toml_settings import (
    OTHER_NAMES,
    RENAMED,
    as_table,
    changed,
    load_settings,
    overlaid,
    save_settings,
)
from tests.builders import setting_names, write_toml

OTHER = Config(
    data=DataConfig(
        group=r"(\w+)-\d+ \"ä\"",
        val_share=0.35,
        val_start=0.5,
        split_seed=4,
        object=(1, "#00b000"),
        exclude=("a_01", "b 'quoted'"),
        long_side=1024,
        stretch_to=(30, 40),
    ),
    coarse=CoarseConfig(
        epochs=3,
        network="mlp",
        stride=16,
        mlp=MlpConfig(grid=(3, 4), hidden=(5,), dropout=0.2),
        batch_size=2,
        optimizer="rmsprop",
        lr=1.5e-7,
        schedule="plateau",
        plateau=PlateauConfig(factor=0.5, patience=0),
        weight_decay=0.0,
        init="a model",
        max_grad_norm=0.25,
        ema_decay=0.5,
        ema_share=0.3,
        seed=9,
        num_workers=0,
        folds=5,
        precision="bf16",
        compile=True,
        validate_every=2,
        dice_weight=0.0,
        augment=Augmentation(
            flip=0.0,
            shift=0.01,
            scale=0.02,
            brightness=0.03,
            contrast=0.04,
            saturation=0.05,
            tint=0.06,
            hue=50.0,
            hsv_saturation=5.0,
            hsv_value=15.0,
        ),
    ),
    tiles=TilesConfig(
        side=32, levels=2, low=0.01, high=0.99, max_patches_per_photo=7, patch_source="folds"
    ),
    refiner=RefinerConfig(
        steps=70,
        batch_size=17,
        optimizer="rmsprop",
        lr=1.0,
        schedule="plateau",
        plateau=PlateauConfig(factor=0.1, patience=9),
        weight_decay=0.5,
        init="carvana",
        max_grad_norm=3.0,
        ema_decay=0.0,
        ema_share=0.4,
        seed=8,
        precision="fp32",
        compile=True,
        validate_every=3,
        channels=(3, 4),
        depths=(1, 2),
        inputs="photo",
        residual=False,
        augment=PatchAugmentation(
            flip=0.1, brightness=0.2, contrast=0.3, saturation=0.5, tint=0.4, hue=7.0
        ),
    ),
    postprocess=("smooth=3", "components=9"),
)


def test_an_empty_file_gives_every_default(tmp_path: Path):
    assert load_settings(write_toml(tmp_path, "")) == Config()


def test_what_the_file_leaves_out_keeps_its_default(tmp_path: Path):
    file = write_toml(tmp_path, "[coarse]\nepochs = 3\nlr = 1\n[coarse.augment]\nflip = 0\n")

    config = load_settings(file)

    assert config == Config(coarse=CoarseConfig(epochs=3, lr=1.0, augment=Augmentation(flip=0.0)))
    assert isinstance(config.coarse.lr, float)


@pytest.mark.parametrize("config", [Config(), OTHER], ids=["defaults", "others"])
def test_what_is_saved_is_loaded_again(tmp_path: Path, config: Config):
    save_settings(config, tmp_path / "config.toml")

    assert load_settings(tmp_path / "config.toml") == config


def test_the_other_settings_are_all_other_ones_but_for_options_of_what_is_not_chosen():
    unused = {"coarse.enet", "coarse.cosine", "refiner.cosine"}
    unused |= {"coarse.steps", "refiner.epochs"}  # of each pair only one counts
    expected = [
        n for n in setting_names(Config) if n not in unused and n.rpartition(".")[0] not in unused
    ]

    assert changed(Config(), OTHER) == expected


def test_settings_that_differ_are_named():
    config = Config()
    other = replace(
        config,
        coarse=replace(config.coarse, lr=0.5, augment=replace(config.coarse.augment, tint=0.0)),
        tiles=replace(config.tiles, side=8),
    )

    assert changed(config, other) == ["coarse.lr", "coarse.augment.tint", "tiles.side"]
    assert changed(config, Config()) == []


def test_a_config_of_fewer_levels_than_channels_is_fine():
    assert Config(tiles=TilesConfig(levels=1)).refiner.channels == (32, 32, 32, 32)


def test_every_default_is_within_its_range(tmp_path: Path):
    config = Config()
    save_settings(config, tmp_path / "config.toml")

    load_settings(tmp_path / "config.toml")

    numbers = [v for v in asdict(config.coarse).values() if isinstance(v, float)]
    assert all(math.isfinite(v) for v in numbers)


CURRENT = set(setting_names(Config))


@pytest.mark.parametrize(
    ("old", "value"),
    [
        ("data.validation", 0.4),
        ("data.validation_start", 0.3),
        ("coarse.workers", 3),
        ("tiles.train_budget", 7),
        ("refiner.sees", '"photo"'),
    ],
)
def test_a_former_name_of_the_same_setting_is_read_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, old: str, value: object
):
    (table, former), new = old.split("."), OTHER_NAMES[old]
    old_file, new_file = tmp_path / "old.toml", tmp_path / "new.toml"
    old_file.write_text(f"[{table}]\n{former} = {value}\n")
    new_file.write_text(f"[{table}]\n{new.split('.')[1]} = {value}\n")

    assert load_settings(old_file) == load_settings(new_file) != Config()
    assert caplog.messages == [f"{old_file}: {old} is now called {new}"]
    new_file.write_text(new_file.read_text() + f"{former} = {value}\n")
    with pytest.raises(SettingsError, match=f"no setting {old}"):
        load_settings(new_file)


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_old_name_is_answered_with_the_new_one(tmp_path: Path, old: str, new: str):
    table, _, key = old.partition(".")

    with pytest.raises(SettingsError) as caught:
        load_settings(write_toml(tmp_path, f"[{table}]\n{key} = 1\n"))

    assert str(caught.value) == f"{tmp_path / 'run.toml'}: {old} is now called {new}"
    assert old not in CURRENT
    assert re.split(r"[ :]", new)[0] in CURRENT


def test_another_choice_drops_the_options_of_the_one_before():
    mlp = overlaid(Config(), {"coarse": {"network": "mlp", "mlp": {"grid": [3, 4]}}})

    assert mlp.coarse.mlp.grid == (3, 4)
    assert overlaid(mlp, {"coarse": {"network": "enet"}}) == Config()


def test_only_options_of_what_is_chosen_are_written():
    table = as_table(OTHER)

    assert {"mlp", "plateau"} <= set(table["coarse"])
    assert not {"enet", "cosine"} & set(table["coarse"])
    assert "cosine" not in table["refiner"]
    assert as_table(Config())["coarse"]["enet"] == asdict(EnetConfig())
    assert as_table(Config())["coarse"]["cosine"] == asdict(CosineConfig())


def test_a_byte_order_mark_is_no_part_of_the_settings(tmp_path: Path):
    file = tmp_path / "run.toml"
    file.write_bytes(b"\xef\xbb\xbf[coarse]\nepochs = 2\n")

    assert load_settings(file).coarse.epochs == 2


def test_of_steps_and_epochs_the_one_that_is_given_replaces_the_other(tmp_path: Path):
    by_epochs = Config(coarse=CoarseConfig(epochs=3))

    steps = load_settings(write_toml(tmp_path, "[coarse]\nsteps = 90\n"), by_epochs)
    epochs = load_settings(write_toml(tmp_path, "[coarse]\nepochs = 4\n"), steps)
    neither = load_settings(write_toml(tmp_path, "[coarse]\nlr = 0.5\n"), epochs)

    assert (steps.coarse.steps, steps.coarse.epochs) == (90, 0)
    assert (epochs.coarse.steps, epochs.coarse.epochs) == (0, 4)
    assert neither.coarse.epochs == 4
    assert as_table(steps)["coarse"].get("epochs") is None
    assert "steps" not in as_table(epochs)["coarse"]


def test_steps_and_epochs_are_not_both_given(tmp_path: Path):
    both = write_toml(tmp_path, "[refiner]\nsteps = 90\nepochs = 4\n")

    with pytest.raises(SettingsError, match=r"refiner\.steps and refiner\.epochs were both set"):
        load_settings(both)
