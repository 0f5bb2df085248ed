import math
import re
from dataclasses import asdict, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from data.datasets.augment import Augmentation
from data.datasets.patch_augment import PatchAugmentation
from data.errors import InputError, SettingsError
from pipeline.config import (
    CoarseConfig,
    Config,
    CosineConfig,
    DataConfig,
    EnetConfig,
    MlpConfig,
    PlateauConfig,
    RefinerConfig,
    TilesConfig,
)
from pipeline.toml_settings import (
    REMOVED,
    RENAMED,
    as_table,
    changed,
    load_settings,
    overlaid,
    save_settings,
)

OTHER = Config(
    data=DataConfig(
        group=r"(\w+)-\d+ \"ä\"",
        val_share=0.35,
        val_start=0.5,
        split_seed=4,
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
        epochs=1,
        batch_size=17,
        optimizer="rmsprop",
        lr=1.0,
        schedule="plateau",
        plateau=PlateauConfig(factor=0.1, patience=9),
        weight_decay=0.5,
        init="carvana",
        max_grad_norm=3.0,
        ema_decay=0.0,
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


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "run.toml"
    file.write_text(text)
    return file


def names_of(config: Any, at: str = "") -> list[str]:
    """The names of all settings, as a table of tables has them."""
    names = []
    for f in fields(config):
        value = getattr(config, f.name)
        inner = is_dataclass(value)
        names += names_of(value, f"{at}{f.name}.") if inner else [at + f.name]
    return names


def test_an_empty_file_gives_every_default(tmp_path: Path):
    assert load_settings(written(tmp_path, "")) == Config()


def test_what_the_file_leaves_out_keeps_its_default(tmp_path: Path):
    file = written(tmp_path, "[coarse]\nepochs = 3\nlr = 1\n[coarse.augment]\nflip = 0\n")

    config = load_settings(file)

    assert config == Config(coarse=CoarseConfig(epochs=3, lr=1.0, augment=Augmentation(flip=0.0)))
    assert isinstance(config.coarse.lr, float)


@pytest.mark.parametrize("config", [Config(), OTHER], ids=["defaults", "others"])
def test_what_is_saved_is_loaded_again(tmp_path: Path, config: Config):
    save_settings(config, tmp_path / "config.toml")

    assert load_settings(tmp_path / "config.toml") == config


def test_the_other_settings_are_all_other_ones_but_for_options_of_what_is_not_chosen():
    unused = {"coarse.enet", "coarse.cosine", "refiner.cosine"}
    expected = [n for n in names_of(Config()) if n.rpartition(".")[0] not in unused]

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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[coarse]\nepoch = 3",
            r"no setting coarse\.epoch; did you mean coarse\.epochs\? There are",
        ),
        (
            "[coarse.augment]\nblur = 1",
            r"no setting coarse\.augment\.blur; .*coarse\.augment\.flip",
        ),
        (
            "[refine]\nlr = 1",
            r"no setting refine; did you mean refiner\? There are data, .* refiner, postprocess$",
        ),
        ("epochs = 3", "no setting epochs; there are data"),
    ],
)
def test_an_unknown_setting_is_named_with_the_known_ones(tmp_path: Path, text: str, message: str):
    with pytest.raises(SettingsError, match=message):
        load_settings(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[coarse]\nepochs = 0", r"coarse\.epochs must be from 1 to 1000000, not 0"),
        ("[coarse]\nlr = 0", r"coarse\.lr must be at least 1e-12, not 0\.0"),
        ("[coarse]\nlr = nan", r"coarse\.lr must be at least 1e-12, not nan"),
        ("[coarse]\nlr = inf", r"coarse\.lr must be at least 1e-12, not inf"),
        ("[coarse]\nlr = -0.1", r"coarse\.lr must be"),
        ("[coarse]\ncosine.warmup = 1.5", r"coarse\.cosine\.warmup must be from 0 to 1, not 1\.5"),
        ("[coarse.augment]\nflip = 2", r"coarse\.augment\.flip must be from 0 to 1, not 2"),
        ("[refiner]\nema_decay = 1", r"refiner\.ema_decay must be from 0 to 0\.99999, not 1"),
        ("[data]\nlong_side = 32", r"data\.long_side must be from 64 to 16384, not 32"),
        ("[tiles]\nlevels = 5", r"tiles\.levels must be from 1 to 4, not 5"),
        ("[refiner]\nchannels = [8, 0, 8, 8]", r"refiner\.channels must be from 1 to 256, not 0"),
    ],
)
def test_a_setting_out_of_its_range_is_named_with_its_range(
    tmp_path: Path, text: str, message: str
):
    with pytest.raises(SettingsError, match=message):
        load_settings(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[coarse]\nepochs = 2.0", r"coarse\.epochs must be int, not 2\.0"),
        ("[coarse]\nseed = true", r"coarse\.seed must be int, not True"),
        ("[coarse]\ncompile = 1", r"coarse\.compile must be bool, not 1"),
        ("[coarse]\nlr = 'high'", r"coarse\.lr must be float, not 'high'"),
        ("[coarse]\nlr = true", r"coarse\.lr must be float, not True"),
        ("[data]\ngroup = 3", r"data\.group must be str, not 3"),
        ("[data]\nexclude = 'a_01'", r"data\.exclude must be a list, not 'a_01'"),
        ("[data]\nexclude = [1]", r"data\.exclude must be str, not 1"),
        ("[refiner]\ndepths = [1, 2.5, 3]", r"refiner\.depths must be int, not 2\.5"),
        ("[refiner]\nchannels = 8", r"refiner\.channels must be a list, not 8"),
        ("coarse = 3", "coarse must be a table of settings, not 3"),
        ("[coarse]\naugment = true", r"coarse\.augment must be a table of settings, not True"),
    ],
)
def test_a_setting_of_another_type_is_named_with_its_type(tmp_path: Path, text: str, message: str):
    with pytest.raises(SettingsError, match=message):
        load_settings(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tiles]\nside = 12", r"tiles\.side must be one of 8, 16, 32, not 12"),
        ("[tiles]\nside = 16.0", r"tiles\.side must be one of 8, 16, 32, not 16\.0"),
        ("[tiles]\nside = [16]", r"tiles\.side must be one of 8, 16, 32, not \[16\]"),
        (
            "[coarse]\nprecision = 'fp8'",
            r"coarse\.precision must be one of 'auto', 'fp32', 'bf16', 'fp16', not 'fp8'",
        ),
    ],
)
def test_a_setting_that_is_no_choice_is_named_with_the_choices(
    tmp_path: Path, text: str, message: str
):
    with pytest.raises(SettingsError, match=message):
        load_settings(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tiles]\nlow = 0.6\nhigh = 0.4", r"tiles\.low = 0\.6 must be below high = 0\.4"),
        ("[tiles]\nlow = 0.5\nhigh = 0.5", r"must be below"),
        ("[refiner]\nchannels = [8, 8]", r"refiner\.channels has 2 levels, depths 4"),
        (
            "[tiles]\nlevels = 3\n[refiner]\nchannels = [8, 8]\ndepths = [1, 1]",
            r"tiles\.levels = 3, but refiner\.channels and refiner\.depths have 2 levels",
        ),
        ("[refiner]\nchannels = []\ndepths = []", r"have 0 levels"),
    ],
)
def test_settings_that_contradict_each_other_are_named(tmp_path: Path, text: str, message: str):
    with pytest.raises(SettingsError, match=message):
        load_settings(written(tmp_path, text))


@pytest.mark.parametrize(
    "text", ["[coarse", "epochs 3", "[coarse]\nlr = 1\nlr = 2", "[coarse]\n[coarse]\n"]
)
def test_a_file_that_is_no_toml_or_says_a_thing_twice_is_refused(tmp_path: Path, text: str):
    with pytest.raises(InputError, match=r"run\.toml is not TOML: "):
        load_settings(written(tmp_path, text))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path):
    file = tmp_path / "run.toml"
    file.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(InputError, match="is not TOML"):
        load_settings(file)


def test_a_config_of_fewer_levels_than_channels_is_fine():
    assert Config(tiles=TilesConfig(levels=1)).refiner.channels == (32, 32, 32, 32)


def test_every_default_is_within_its_range(tmp_path: Path):
    config = Config()
    save_settings(config, tmp_path / "config.toml")

    load_settings(tmp_path / "config.toml")

    numbers = [v for v in asdict(config.coarse).values() if isinstance(v, float)]
    assert all(math.isfinite(v) for v in numbers)


@pytest.mark.parametrize("grid", ["[80]", "[80, 120, 3]", "80", "[80, 0]"])
def test_a_list_of_two_has_two(tmp_path: Path, grid: str):
    path = tmp_path / "settings.toml"
    path.write_text(f'[coarse]\nnetwork = "mlp"\nmlp.grid = {grid}\n')

    with pytest.raises(SettingsError, match=r"coarse\.mlp\.grid must be"):
        load_settings(path)


def test_a_tile_holds_a_coarse_pixel_at_least(tmp_path: Path):
    path = tmp_path / "settings.toml"
    path.write_text("[coarse]\nstride = 16\n[tiles]\nside = 8\n")

    with pytest.raises(
        SettingsError, match=r"tiles\.side = 8 must be at least coarse\.stride = 16"
    ):
        load_settings(path)


def test_an_unknown_step_is_refused_with_those_there_are(tmp_path: Path):
    path = tmp_path / "settings.toml"
    path.write_text('postprocess = ["sharpen=3"]\n')

    with pytest.raises(SettingsError, match=r"sharpen.*components"):
        load_settings(path)


def test_a_validation_share_beyond_the_last_group_is_refused():
    assert DataConfig(val_share=1 / 3, val_start=2 / 3).val_share == 1 / 3
    with pytest.raises(SettingsError, match="are more than 1 together"):
        DataConfig(val_share=0.2, val_start=0.9)


CURRENT = set(names_of(Config()))


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_old_name_is_answered_with_the_new_one(tmp_path: Path, old: str, new: str):
    table, _, key = old.partition(".")

    with pytest.raises(SettingsError) as caught:
        load_settings(written(tmp_path, f"[{table}]\n{key} = 1\n"))

    assert str(caught.value) == f"{tmp_path / 'run.toml'}: {old} is now called {new}"
    assert old not in CURRENT
    assert re.split(r"[ :]", new)[0] in CURRENT


@pytest.mark.parametrize("old", REMOVED)
def test_a_setting_that_is_gone_is_answered_with_what_holds_instead(tmp_path: Path, old: str):
    table, _, key = old.partition(".")

    with pytest.raises(SettingsError, match=rf"{re.escape(old)} is gone: .*; take it out$"):
        load_settings(written(tmp_path, f"[{table}]\n{key} = 1\n"))


@pytest.mark.parametrize("value", ["init", "auto", "own"])
def test_sources_of_patches_that_are_gone_are_answered_with_those_there_are(
    tmp_path: Path, value: str
):
    text = f"[tiles]\npatch_source = '{value}'\n"
    with pytest.raises(SettingsError, match=f"must be one of 'final', 'folds', not '{value}'"):
        load_settings(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[coarse]\nmlp.grid = [80, 120]", "coarse.mlp.grid was set, but coarse.network = 'enet'"),
        (
            "[coarse]\nnetwork = 'linknet'\nenet.dropout = 0",
            "coarse.enet.dropout was set, but coarse.network = 'linknet'",
        ),
        (
            "[refiner]\nplateau.patience = 3",
            "refiner.plateau.patience was set, but refiner.schedule = 'cosine'",
        ),
        (
            "[coarse]\nschedule = 'plateau'\ncosine.warmup = 0.1",
            "coarse.cosine.warmup was set, but coarse.schedule = 'plateau'",
        ),
    ],
)
def test_options_of_what_is_not_chosen_are_refused_their_defaults_too(
    tmp_path: Path, text: str, message: str
):
    with pytest.raises(SettingsError) as caught:
        load_settings(written(tmp_path, text))

    assert message in str(caught.value)


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


@pytest.mark.parametrize(
    "text",
    [
        "postprocess = " + "[" * 5000 + "]" * 5000,
        "[coarse]\nepochs = " + "[" * 80 + "]" * 80,
        "[coarse]\nepochs = " + "9" * 5000,
        "[coarse]\nepochs = 0x" + "f" * 5000,
        "[coarse]\nlr = 0x" + "f" * 5000,
        "[data]\nexclude = [" + "1, " * 5000 + "]",
        f"[data]\ngroup = ['{'x' * 5000}']",
        f"[coarse]\n{'x' * 5000} = 1",
        "[coarse.augment.flip.more]\nx = 1",
        '[coarse]\n"two\\nlines" = 1',
    ],
    ids=range(10),
)
def test_whatever_a_file_holds_its_fault_is_one_line(tmp_path: Path, text: str):
    with pytest.raises(SettingsError) as caught:
        load_settings(written(tmp_path, text))

    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000
