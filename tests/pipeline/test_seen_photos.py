"""Whether a model was trained on photos: by their groups, and by the content of their files."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from data.errors import InputError, SettingsError
from data.fingerprints import photo_hashes
from data.groups import CARVANA_GROUP
from data.samples import find_samples
from pipeline.model import Model
from pipeline.seen_photos import (
    Photos,
    check_unseen,
    joined,
    photos_of,
    seen_samples,
    trained_on,
    validation_hashes,
)
from tests.builders import car_name, grey, group_name, tiny_model, write_data

BY_ANGLE = r"[0-9a-f]{12}_(\d{2})"


def model_of(**provenance: object) -> Model:
    return replace(tiny_model(), provenance=provenance)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    stems = [car_name(car, angle) for car in range(3) for angle in (1, 2)]
    return write_data(tmp_path / "data", {stem: grey(20 * i) for i, stem in enumerate(stems)})


def test_photos_of_groups_are_known_whatever_pattern_named_them(data: Path):
    samples = find_samples(data)
    by_car = model_of(groups=[group_name(1)])
    by_angle = model_of(groups=["02"], settings={"data": {"group": BY_ANGLE}})
    by_both = model_of(groups=[group_name(0), "02"], group_patterns=[CARVANA_GROUP, BY_ANGLE])

    assert seen_samples(by_car, samples) == [False, False, True, True, False, False]
    assert seen_samples(by_angle, samples) == [False, True] * 3
    assert seen_samples(by_both, samples) == [True, True, False, True, False, True]


def test_a_photo_is_known_under_another_name(data: Path, tmp_path: Path):
    samples = find_samples(data)
    knowing = model_of(photo_hashes=joined(photo_hashes(samples[1:3])))
    for part in ("images", "masks"):
        (tmp_path / "renamed" / part).mkdir(parents=True)
        for i, sample in enumerate(samples):
            path = sample.photo if part == "images" else sample.mask
            shutil.copy(path, tmp_path / "renamed" / part / f"shot{i}{path.suffix}")

    renamed = find_samples(tmp_path / "renamed")

    assert seen_samples(knowing, renamed) == [False, True, True, False, False, False]
    with pytest.raises(InputError, match=r"coarse\.init was trained on 2 of the photos .*; do so$"):
        check_unseen(knowing, photos_of(renamed, knowing), "coarse.init", "do so")
    others = photos_of(renamed[3:], knowing)
    check_unseen(knowing, others, "coarse.init", "do so")


def test_a_leak_under_another_pattern_is_found(data: Path):
    """This run's groups are angles, the model's are cars: their names never agree."""
    samples = find_samples(data, group_pattern=BY_ANGLE)
    model = model_of(groups=[group_name(1)])

    with pytest.raises(InputError, match=rf"trained on 1 of the groups .*\({group_name(1)}\)"):
        check_unseen(model, photos_of(samples, model), "coarse.init", "do so")


def test_at_most_three_groups_are_named():
    model = model_of(groups=list("abcde"))

    check_unseen(model, Photos(frozenset("f")), "coarse.init", "do so")
    with pytest.raises(
        InputError, match=r"coarse\.init was trained on 4 of .*\(a, b, c, \.\.\.\).*; do so$"
    ):
        check_unseen(model, Photos(frozenset("abcdf")), "coarse.init", "do so")


def test_photos_are_hashed_only_for_a_model_that_knows_hashes(
    data: Path, monkeypatch: pytest.MonkeyPatch
):
    def failing(_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("pipeline.seen_photos.photo_hashes", failing)

    assert not photos_of(find_samples(data), model_of(groups=["a"])).hashes


def test_what_was_trained_on_is_handed_on():
    first = model_of(groups=["a"], settings={"data": {"group": "(a).*"}}, photo_hashes="1" * 16)
    second = model_of(groups=["b"], group_patterns=["(b).*"], photo_hashes="3" * 16)

    known = trained_on([first, second], groups={"c"}, patterns={"(c).*"}, hashes={"2" * 16})

    assert known == {
        "groups": ["a", "b", "c"],
        "group_patterns": ["(a).*", "(b).*", "(c).*"],
        "photo_hashes": "1" * 16 + "2" * 16 + "3" * 16,
    }
    assert validation_hashes(model_of(validation_photo_hashes="4" * 32)) == {"4" * 16}


def test_a_hostile_pattern_of_a_model_is_given_up(data: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("data.groups.MAX_SECONDS", 0.2)
    hostile = r"((?:(?:[0-9a-f_]?){60}){60}[0-9a-f_]{15})"

    with pytest.raises(SettingsError, match=r"takes more than 0\.2 seconds for 6 photos"):
        seen_samples(model_of(groups=["a"], group_patterns=[hostile]), find_samples(data))
