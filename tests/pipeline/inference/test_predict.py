from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from data.errors import InputError
from data.images import read_photo
from data.kaggle_csv import check
from data.masks import read_mask
from refine.postprocess import num_detached
from tests.pipeline.inference.predicting import predict_photos, segmenter_of, visible, write_photos

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("option", ["csv", "expected"])
def test_a_table_never_takes_the_place_of_a_photo(tmp_path: Path, option: str):
    photos = write_photos(tmp_path / "photos", 2)
    before = photos[0].read_bytes()
    table: dict[str, Any] = {option: photos[0]}

    with pytest.raises(InputError, match=r"0000\.png is not a table with the columns"):
        predict_photos(photos[1:], tmp_path / "out", segmenter_of(), **table)

    assert photos[0].read_bytes() == before
    assert not (tmp_path / "out").exists()


def test_one_file_cannot_be_both_tables(tmp_path: Path):
    photos, table = write_photos(tmp_path / "photos", 1), tmp_path / "table.csv"

    with pytest.raises(InputError, match="cannot be both"):
        predict_photos(photos, tmp_path / "out", segmenter_of(), csv=table, expected=table)


def test_a_photo_that_no_row_can_name_is_refused_before_the_work(tmp_path: Path):
    photos = write_photos(tmp_path / "photos", 2)
    odd = photos[1].rename(photos[1].with_name("a\u2028b.png"))

    with pytest.raises(InputError, match="line break"):
        predict_photos([photos[0], odd], tmp_path, segmenter_of(), csv=tmp_path / "masks.csv")

    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_a_csv_has_the_photos_of_its_call_alone(tmp_path: Path):
    photos = write_photos(tmp_path / "photos", 4)
    out, table = tmp_path / "out", tmp_path / "masks.csv"
    predict_photos(photos, out, segmenter_of())

    predict_photos(photos[1:3], out, segmenter_of(), csv=table)

    assert [line[:8] for line in table.read_text().splitlines()[1:]] == ["0001.jpg", "0002.jpg"]


def test_a_photo_that_cannot_be_read_has_no_row(tmp_path: Path):
    photos = write_photos(tmp_path / "photos", 4)
    photos[1].write_bytes(b"")

    outcome = predict_photos(photos, tmp_path / "out", segmenter_of(), csv=tmp_path / "masks.csv")

    assert [failure.photo for failure in outcome.failures] == [photos[1]]
    assert check(tmp_path / "masks.csv", masks=tmp_path / "out").rows == 3


def test_rows_are_in_the_order_of_their_names_whatever_that_of_the_photos(tmp_path: Path):
    photos, table = write_photos(tmp_path / "photos", 4), tmp_path / "masks.csv"

    predict_photos(photos[::-1], tmp_path / "out", segmenter_of(), csv=table)

    assert check(table, masks=tmp_path / "out").rows == 4


def test_the_masks_to_look_at_come_first(tmp_path: Path):
    photos, segmenter = write_photos(tmp_path / "photos", 4), segmenter_of()

    predict_photos(photos, tmp_path / "masks", segmenter, expected=tmp_path / "expected.csv")

    header, *rows = (tmp_path / "expected.csv").read_text().splitlines()
    assert header == "photo,expected_dice,low,high,known,detached"
    dice = [segmenter.predict(read_photo(photo)).predicted_dice for photo in photos]
    wanted = []
    for value, photo in sorted(zip(dice, photos, strict=True)):
        detached = num_detached(read_mask(tmp_path / "masks" / f"{photo.stem}.png"))
        wanted.append(f"{photo.name},{value:.6f},,,,{detached}")
    assert rows == wanted


@pytest.mark.parametrize(
    ("photos", "masks", "name"),
    [("images", "masks", "0001.png"), ("train", "train_masks", "0001_mask.gif")],
)
def test_true_masks_are_never_written_over(tmp_path: Path, photos: str, masks: str, name: str):
    found, out = write_photos(tmp_path / photos, 2), tmp_path / masks
    predict_photos(found, out, segmenter_of())  # of which none is known yet
    for path in out.iterdir():
        path.unlink()
    (out / name).write_bytes(b"a true mask")

    with pytest.raises(InputError, match=rf"{masks} holds the masks; name another folder"):
        predict_photos(found, out, segmenter_of())

    assert [path.read_bytes() for path in out.iterdir()] == [b"a true mask"]


def test_a_picture_with_a_palette_of_colours_is_not_written_over(tmp_path: Path):
    photos, out = write_photos(tmp_path / "photos", 1), tmp_path / "out"
    out.mkdir()
    colours = Image.fromarray(read_photo(photos[0])).quantize(16)
    colours.save(out / photos[0].name)

    with pytest.raises(InputError, match="is no mask, and would be replaced by one"):
        predict_photos(photos, out, segmenter_of())
    Image.fromarray(read_photo(photos[0])[..., 0] > 128).convert("P").save(out / photos[0].name)
    assert not predict_photos(photos, out, segmenter_of()).failures


def test_a_photo_may_have_the_longest_name_that_there_is(tmp_path: Path):
    (photo,) = write_photos(tmp_path / "photos", 1)
    longest = photo.with_name(f"{'x' * 251}.png")
    photo.rename(longest)

    assert not predict_photos([longest], tmp_path / "out", segmenter_of()).failures

    assert list(visible(tmp_path / "out")) == [longest.name]
