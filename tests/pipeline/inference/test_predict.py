import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from coarse.enet import ENet
from data.errors import InputError
from data.geometry import Fovea
from data.images import read_photo
from data.kaggle_csv import check
from pipeline.cli import main
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.predict import fingerprint, predict_photos
from pipeline.inference.segmenter import Segmenter
from pipeline.model import Model
from pipeline.model_folder import save_model
from refine.postprocess import parse
from refine.refiner_network import Refiner

ROOT = Path(__file__).parents[3]
CPU = torch.device("cpu")


def segmenter_of() -> Segmenter:
    torch.manual_seed(3)
    coarse = ENet()
    nn.init.normal_(coarse.head.weight, std=2)
    refiner = Refiner(Fovea(8, 2), channels=(4, 4), depths=(1, 1))
    return Segmenter(Model(coarse, refiner, Fovea(8, 2), 0.05, 0.95, 96), CPU, "fp32")


def write_photos(folder: Path, count: int) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    photos = []
    for i in range(count):
        path = folder / f"{i:04}.png"
        blobs = cv2.resize(random.integers(0, 256, (5, 7, 3), np.uint8), (96, 64))
        cv2.imwrite(str(path), blobs)
        photos.append(path)
    return photos


def interrupted_after(count: int, photos: list[Path], out: Path, table: Path) -> None:
    """Predict until so many rows are written, then press Ctrl-C."""
    segmenter = segmenter_of()
    propose, left = segmenter.propose_batch, [count]

    def dying(*arguments: object) -> object:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return propose(*arguments)  # type: ignore[arg-type]

    segmenter.propose_batch = dying  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyboardInterrupt):
        predict_photos(photos, out, segmenter, csv_path=table)


def predicted(segmenter: Segmenter) -> list[int]:
    """Note the photos that `segmenter` is asked for from now on, by the sum of their pixels."""
    calls: list[int] = []
    propose = segmenter.propose_batch

    def counting(*arguments: object) -> object:
        calls.extend(int(np.sum(photo)) for photo in arguments[0])  # type: ignore[attr-defined]
        return propose(*arguments)  # type: ignore[arg-type]

    segmenter.propose_batch = counting  # type: ignore[method-assign,assignment]
    return calls


@pytest.mark.parametrize("name", ["masks.csv", "masks.csv.gz"])
def test_an_interrupted_csv_goes_on_to_the_same_bytes(tmp_path: Path, name: str):
    photos = write_photos(tmp_path / "photos", 12)
    predict_photos(photos, tmp_path / "whole", segmenter_of(), csv_path=tmp_path / "whole" / name)
    out, table = tmp_path / "out", tmp_path / name

    interrupted_after(6, photos, out, table)
    assert not table.exists()
    segmenter = segmenter_of()
    calls = predicted(segmenter)
    predict_photos(photos, out, segmenter, csv_path=table)

    assert table.read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert 0 < len(calls) < 12
    assert check(table, masks=out).rows == 12
    assert not list(tmp_path.glob(".*"))


def test_photos_without_mask_or_changed_since_are_predicted_again(tmp_path: Path):
    photos = write_photos(tmp_path / "photos", 6)
    out, table = tmp_path / "out", tmp_path / "masks.csv"
    interrupted_after(5, photos, out, table)
    assert len(list(out.glob("*.png"))) >= 3
    (out / f"{photos[0].stem}.png").unlink()
    later = time.time() + 10
    os.utime(photos[1], (later, later))
    segmenter = segmenter_of()
    calls = predicted(segmenter)

    predict_photos(photos, out, segmenter, csv_path=table)

    assert check(table, masks=out).rows == 6
    again = [int(read_photo(photo).sum()) in calls for photo in photos[:3]]
    assert again == [True, True, False]


def test_a_photo_that_no_row_can_name_is_refused_before_the_work(tmp_path: Path):
    photos = write_photos(tmp_path / "photos", 2)
    odd = photos[1].rename(photos[1].with_name("a\u2028b.png"))

    with pytest.raises(InputError, match="line break"):
        predict_photos([photos[0], odd], tmp_path, segmenter_of(), csv_path=tmp_path / "masks.csv")

    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_a_photo_added_since_gets_its_place(tmp_path: Path):
    photos = write_photos(tmp_path / "photos", 6)
    out, table = tmp_path / "out", tmp_path / "masks.csv"

    interrupted_after(3, photos[2:], out, table)
    predict_photos(photos, out, segmenter_of(), csv_path=table)

    assert check(table, masks=out).rows == 6


def test_a_photo_that_cannot_be_read_has_no_row(tmp_path: Path):
    photos = write_photos(tmp_path / "photos", 4)
    photos[1].write_bytes(b"")

    failures = predict_photos(
        photos, tmp_path / "out", segmenter_of(), csv_path=tmp_path / "masks.csv"
    )

    assert [failure.photo for failure in failures] == [photos[1]]
    assert check(tmp_path / "masks.csv", masks=tmp_path / "out").rows == 3


def test_rows_depend_on_the_model_and_all_options(tmp_path: Path):
    segmenter = segmenter_of()
    other = Segmenter(replace(segmenter.model, low=0.1), CPU, "fp32")
    steps = [parse("smooth=3")]
    prints = [
        fingerprint(segmenter, MaskOptions(), tmp_path),
        fingerprint(other, MaskOptions(), tmp_path),
        fingerprint(segmenter, MaskOptions(stage="coarse"), tmp_path),
        fingerprint(segmenter, MaskOptions(budget=7), tmp_path),
        fingerprint(segmenter, MaskOptions(postprocess=steps), tmp_path),
        fingerprint(segmenter, MaskOptions(), tmp_path / "other"),
    ]

    assert len(set(prints)) == len(prints)
    assert (
        fingerprint(segmenter_of(), MaskOptions(stage="refined", postprocess=()), tmp_path)
        == prints[0]
    )


@pytest.mark.slow
def test_a_process_that_is_killed_loses_no_row_and_repeats_none(tmp_path: Path):
    photos, out, table = tmp_path / "photos", tmp_path / "out", tmp_path / "masks.csv"
    write_photos(photos, 300)
    save_model(segmenter_of().model, tmp_path / "model")
    command = ["predict", photos, out, "--model", tmp_path / "model", "--csv", table]
    command += ["--device", "cpu", "--postprocess", "smooth=3"]
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", *map(str, command)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.DEVNULL,
    )
    with process:
        end = time.monotonic() + 300
        while not rows_so_far(tmp_path) and time.monotonic() < end:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    num_before = rows_so_far(tmp_path)

    assert main([str(part) for part in command]) == 0

    assert 0 < num_before < 300
    assert not rows_so_far(tmp_path)
    assert check(table, masks=out).rows == 300
    assert table.read_text().count("\n") == 301


def rows_so_far(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.glob(".*.rows"))


def test_rows_are_in_the_order_of_their_names_whatever_that_of_the_photos(tmp_path: Path):
    photos, table = write_photos(tmp_path / "photos", 4), tmp_path / "masks.csv"

    predict_photos(photos[::-1], tmp_path / "out", segmenter_of(), csv_path=table)

    assert check(table, masks=tmp_path / "out").rows == 4


def test_the_masks_to_look_at_come_first(tmp_path: Path):
    photos, segmenter = write_photos(tmp_path / "photos", 4), segmenter_of()

    predict_photos(photos, tmp_path / "masks", segmenter, expected=tmp_path / "expected.csv")

    header, *rows = (tmp_path / "expected.csv").read_text().splitlines()
    assert header == "photo,expected_dice"
    dice = [segmenter.predict(read_photo(photo)).predicted_dice for photo in photos]
    names = [photo.name for _, photo in sorted(zip(dice, photos, strict=True))]
    assert rows == [f"{name},{value:.6f}" for name, value in zip(names, sorted(dice), strict=True)]


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
    assert not predict_photos(photos, out, segmenter_of())


def test_a_photo_may_have_the_longest_name_that_there_is(tmp_path: Path):
    (photo,) = write_photos(tmp_path / "photos", 1)
    longest = photo.with_name(f"{'x' * 251}.png")
    photo.rename(longest)

    assert not predict_photos([longest], tmp_path / "out", segmenter_of())

    assert [path.name for path in (tmp_path / "out").iterdir()] == [longest.name]
