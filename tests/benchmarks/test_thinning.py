from pathlib import Path

import pytest

from benchmarks.thinning import evenly_spaced, linked_subset, one_in
from data.errors import InputError
from data.groups import CARVANA_GROUP
from data.samples import Sample
from tests.measured import write_cars


def test_every_angle_occurs_in_a_thinned_data_set_and_every_car(tmp_path: Path):
    data = write_cars(tmp_path / "data")

    thinned = linked_subset(data, tmp_path / "thinned", 2, CARVANA_GROUP)

    names = sorted(path.stem for path in (thinned / "train").iterdir())
    assert len(names) == 16
    assert {name[-2:] for name in names} == {"01", "02", "03", "04"}
    assert all(sum(name.startswith(f"{car:012x}") for name in names) == 2 for car in range(8))
    masks = sorted(path.stem for path in (thinned / "train_masks").iterdir())
    assert masks == [f"{name}_mask" for name in names]


def test_a_folder_of_another_subset_is_refused(tmp_path: Path):
    data = write_cars(tmp_path / "data", cars=2)
    linked_subset(data, tmp_path / "thinned", 2, CARVANA_GROUP)

    with pytest.raises(InputError, match="of another --every; name another folder"):
        linked_subset(data, tmp_path / "thinned", 3, CARVANA_GROUP)


@pytest.mark.parametrize(("num", "indices"), [(None, range(16)), (2, [0, 8]), (3, [0, 5, 10])])
def test_photos_of_each_car_are_evenly_spaced(num: int | None, indices: list[int]):
    samples = [Sample(f"{i}", Path("p"), Path("m"), "car", Path()) for i in range(16)]

    assert evenly_spaced(samples, num) == [samples[i] for i in indices]


def test_cars_begin_with_different_photos_and_few_photos_are_all_kept():
    cars = [Sample(f"{car}_{i}", Path(), Path(), car, Path()) for car in "ab" for i in range(4)]

    assert [sample.name for sample in evenly_spaced(cars, 2)] == ["a_0", "a_2", "b_1", "b_3"]
    assert evenly_spaced(cars, 100) == cars


def test_one_in_so_many_shows_all_angles_and_every_car():
    cars = [Sample(f"{i}", Path(), Path(), car, Path()) for car in "abcdefgh" for i in range(16)]

    chosen = one_in(8, cars)

    assert {sample.name for sample in chosen} == {sample.name for sample in cars}
    assert [sample.group for sample in chosen] == [car for car in "abcdefgh" for _ in range(2)]
    assert one_in(1, cars) == cars
