"""Settings files at fault, and the one line that is said of each."""

import re
from pathlib import Path

import pytest

from data.errors import InputError, SettingsError
from pipeline.config import (
    DataConfig,
)
from pipeline.toml_settings import (
    REMOVED,
    load_settings,
)
from tests.builders import write_toml


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
        load_settings(write_toml(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[coarse]\nepochs = -1", r"coarse\.epochs must be from 0 to 1000000, not -1"),
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
        load_settings(write_toml(tmp_path, text))


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
        load_settings(write_toml(tmp_path, text))


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
        load_settings(write_toml(tmp_path, text))


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
        ("[refiner]\ndepths = [2, 0, 4, 4]", r"depth of 0, not refiner\.depths = \[2, 0, 4\]"),
        ("[tiles]\nlevels = 1\n[refiner]\ndepths = [0, 1, 1, 1]", r"finest of several levels"),
    ],
)
def test_settings_that_contradict_each_other_are_named(tmp_path: Path, text: str, message: str):
    with pytest.raises(SettingsError, match=message):
        load_settings(write_toml(tmp_path, text))


@pytest.mark.parametrize(
    "text", ["[coarse", "epochs 3", "[coarse]\nlr = 1\nlr = 2", "[coarse]\n[coarse]\n"]
)
def test_a_file_that_is_no_toml_or_says_a_thing_twice_is_refused(tmp_path: Path, text: str):
    with pytest.raises(InputError, match=r"run\.toml is not TOML: "):
        load_settings(write_toml(tmp_path, text))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", "[coarse]\nsteps = 3\n".encode("utf-16")])
def test_a_file_in_another_encoding_is_refused(tmp_path: Path, content: bytes):
    file = tmp_path / "run.toml"
    file.write_bytes(content)

    with pytest.raises(SettingsError, match=r"run\.toml is not text in UTF-8; save it as UTF-8"):
        load_settings(file)


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


@pytest.mark.parametrize("old", REMOVED)
def test_a_setting_that_is_gone_is_answered_with_what_holds_instead(tmp_path: Path, old: str):
    table, _, key = old.partition(".")

    with pytest.raises(SettingsError, match=rf"{re.escape(old)} is gone: .*; take it out$"):
        load_settings(write_toml(tmp_path, f"[{table}]\n{key} = 1\n"))


@pytest.mark.parametrize("value", ["init", "auto", "own"])
def test_sources_of_patches_that_are_gone_are_answered_with_those_there_are(
    tmp_path: Path, value: str
):
    text = f"[tiles]\npatch_source = '{value}'\n"
    with pytest.raises(SettingsError, match=f"must be one of .*'folds'.* not '{value}'"):
        load_settings(write_toml(tmp_path, text))


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
        load_settings(write_toml(tmp_path, text))

    assert message in str(caught.value)


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
        load_settings(write_toml(tmp_path, text))

    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000
