"""A review that goes on: its order, what is written, and what is there again after a kill."""

import json
import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.errors import InputError
from data.images import write_png
from data.masks import encode_mask, read_mask, write_mask
from data.samples import find_samples
from pipeline.inference.segmenter import Segmenter
from tests.bright_objects import bright_segmenter, object_in, photo_of, write_masks
from tests.builders import disc
from tests.pipeline.reviewing.reviews import OPTIONS, Batch, heedful_segmenter, mask_of, stroke


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    return Batch(tmp_path).predict()


def test_the_least_certain_mask_comes_first(batch: Batch):
    wrong = {name: truth.copy() for name, truth in batch.truths.items()}
    wrong["car_1"][:40, :40] = True
    wrong["car_2"][:10, :10] = True
    write_masks(batch.masks, wrong)

    photos = batch.load()

    assert [photo.file.name for photo in photos] == ["car_1", "car_2", "car_0"]
    dice = [2 * truth.sum() / (truth.sum() + wrong[n].sum()) for n, truth in batch.truths.items()]
    assert [photo.outlook.dice for photo in photos] == pytest.approx(
        [dice[1], dice[2], dice[0]], abs=1e-3
    )
    assert [photo.outlook.is_networks for photo in photos] == [False, False, True]
    assert {photo.group for photo in photos} == {"car"}


def test_what_is_expected_is_computed_once_unless_a_file_has_changed(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
):
    first = batch.load()
    write_mask(batch.masks / "car_1.png", object_in(seed=7))
    seen: list[tuple[int, ...]] = []
    propose = Segmenter.propose

    def spy(self: Segmenter, photos: list[np.ndarray], *args: object, **more: object) -> object:
        seen.append(photos[0].shape)
        return propose(self, photos, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Segmenter, "propose", spy)

    again = batch.load()
    num_seen = len(seen)
    batch.load(heedful_segmenter())

    assert num_seen == 1
    assert again[1:] == [photo for photo in first if photo.file.name != "car_1"]
    assert again[0].file.name == "car_1"
    assert len(seen) == 4  # another model looks at all of them


def test_a_damaged_list_of_what_is_expected_is_made_anew(batch: Batch):
    first = batch.load()
    kept = batch.masks / "review" / ".expected.json"
    kept.write_text(kept.read_text()[:-30])

    assert batch.load() == first


def test_photos_without_a_mask_that_can_be_read_are_left_out(
    batch: Batch, caplog: pytest.LogCaptureFixture
):
    (batch.masks / "car_0.png").unlink()
    (batch.masks / "car_1.png").write_bytes(b"no mask")

    with caplog.at_level(logging.WARNING):
        photos = batch.load()

    assert [photo.file.name for photo in photos] == ["car_2"]
    assert sum("left out" in line for line in caplog.messages) == 2
    (batch.masks / "car_2.png").write_bytes(b"no mask")
    with pytest.raises(InputError, match="no photo has a mask"):
        batch.load()


def test_an_accepted_mask_is_what_network_and_strokes_give(batch: Batch):
    desk = batch.desk()
    desk.draw("car_0", stroke((10, 10), (40, 20), radius=4))
    expected = mask_of(desk, "car_0")
    before = (batch.masks / "car_0.png").read_bytes()

    desk.accept("car_0")

    (sample,) = find_samples(batch.out)
    assert np.array_equal(read_mask(sample.mask), expected)
    assert expected[12:15, 15].all()
    assert (batch.masks / "car_0.png").read_bytes() == before
    assert sample.photo.read_bytes() == (batch.photos / "car_0.png").read_bytes()


def test_undo_gives_the_same_bytes_and_stroke_after_stroke(batch: Batch):
    desk = batch.desk()
    files = [encode_mask(mask_of(desk, "car_0"))]
    for at in (20, 60, 100):
        desk.draw("car_0", stroke((at, 20), (at + 20, 30)))
        files.append(encode_mask(mask_of(desk, "car_0")))

    for expected in files[2::-1]:
        desk.undo("car_0")
        assert encode_mask(mask_of(desk, "car_0")) == expected

    desk.undo("car_0")  # there is none any more
    assert encode_mask(mask_of(desk, "car_0")) == files[0]
    assert len(set(files)) == 4


def test_a_review_goes_on_where_it_was_left(batch: Batch):
    desk = batch.desk()
    desk.draw("car_0", stroke((10, 10), (40, 20)))
    desk.move_contour("car_0", -0.5)
    desk.accept("car_1")
    desk.set_aside("car_2", "later")
    before = mask_of(desk, "car_0")

    again = batch.desk()

    assert again.reviews == desk.reviews
    said = [again.reviews[name].status for name in batch.names]
    assert said == ["open", "accepted", "later"]
    assert np.array_equal(mask_of(again, "car_0"), before)


def test_a_stroke_after_accepting_takes_the_finished_mask_back(batch: Batch):
    desk = batch.desk()
    desk.accept("car_0")
    desk.accept("car_1")

    desk.draw("car_0", stroke((10, 10)))
    desk.reopen("car_1")

    assert {review.status for review in desk.reviews.values()} == {"open"}
    assert not list(batch.out.rglob("*.png"))
    desk.accept("car_0")
    assert len(find_samples(batch.out)) == 1


def test_what_was_accepted_and_not_written_is_written_at_the_next_start(batch: Batch):
    desk = batch.desk()
    desk.draw("car_0", stroke((10, 10)))
    desk.accept("car_0")
    path = batch.masks / "review" / "car_0.json"
    killed = json.loads(path.read_text()) | {"written": None}
    whole = (batch.out / "masks" / "car_0.png").read_bytes()
    for file in batch.out.rglob("*.png"):
        file.unlink()
    path.write_text(json.dumps(killed))

    again = batch.desk()

    assert (batch.out / "masks" / "car_0.png").read_bytes() == whole
    assert again.reviews["car_0"].written is not None


def test_a_mask_that_has_changed_since_is_open_again(
    batch: Batch, caplog: pytest.LogCaptureFixture
):
    desk = batch.desk()
    desk.draw("car_0", stroke((10, 10)))
    desk.accept("car_0")
    write_mask(batch.masks / "car_0.png", object_in(seed=9))

    with caplog.at_level(logging.WARNING):
        again = batch.desk()

    assert again.reviews["car_0"].status == "open"
    assert len(again.reviews["car_0"].strokes) == 1
    assert "has changed since it was reviewed" in caplog.text
    again.accept("car_0")  # in the place of what was written before
    assert len(find_samples(batch.out)) == 1


def test_where_another_mask_lies_nothing_is_accepted(batch: Batch):
    desk = batch.desk()
    write_masks(batch.out / "masks", {"car_0": object_in(seed=5)})

    with pytest.raises(InputError, match="not from this review"):
        desk.accept("car_0")

    assert desk.reviews["car_0"].status == "open"
    assert batch.desk().reviews["car_0"].status == "open"


@pytest.mark.parametrize("offset", [0.4, -0.6])
def test_how_wide_a_person_draws_is_offered_for_the_rest_of_the_group(
    tmp_path: Path, offset: float
):
    batch = Batch(tmp_path, num=5)
    centre, radius = (96.2, 127.6), 60.3
    segmenter = bright_segmenter()
    photo = cv2.GaussianBlur(photo_of(disc(centre, radius, (192, 256))), (0, 0), 2)
    for name in batch.names:
        write_png(batch.photos / f"{name}.png", photo)
    radius = np.sqrt(segmenter(photo).sum() / np.pi)  # of the network's contour
    drawn = {name: disc(centre, radius + offset, (192, 256)) for name in batch.names[:3]}
    made = dict.fromkeys(batch.names[3:], segmenter(photo))
    write_masks(batch.masks, drawn | made)
    desk = batch.desk()
    assert not desk.offers()

    for name in drawn:
        desk.accept(name)

    (offer,) = desk.offers()
    assert (offer.group, offer.measured, offer.rest) == ("car", 3, ("car_3", "car_4"))
    assert offer.offset == pytest.approx(offset, abs=0.1)
    before = desk.opened("car_3").correction.mask(segmenter, OPTIONS).sum()
    desk.take_offer("car")
    assert not desk.offers()
    after = mask_of(desk, "car_3").sum()
    assert {desk.reviews[name].offset for name in made} == {offer.offset}
    assert after - before == pytest.approx(offset * 2 * np.pi * radius, rel=0.25)
    assert desk.take_offer("car") is None


def test_too_many_strokes_are_refused_in_one_line(batch: Batch, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.reviewing.review_files.MOST_STROKES", 1)
    desk = batch.desk()
    desk.draw("car_0", stroke((10, 10)))

    with pytest.raises(InputError, match="1 strokes at most"):
        desk.draw("car_0", stroke((20, 20)))
    with pytest.raises(InputError, match="2 pixels at most"):
        desk.move_contour("car_0", 9.0)

    assert len(desk.reviews["car_0"].strokes) == 1
