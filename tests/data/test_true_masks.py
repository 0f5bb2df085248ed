from pathlib import Path

import pytest

from data.pairing import true_masks


def touched(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


@pytest.mark.parametrize(
    ("photos", "masks", "ending"), [("images", "masks", ""), ("train", "train_masks", "_mask")]
)
def test_the_masks_beside_photos_are_found(tmp_path: Path, photos: str, masks: str, ending: str):
    found = [touched(tmp_path / photos / f"{stem}.jpg") for stem in ("a", "b", "c")]
    wanted = [
        touched(tmp_path / masks / f"{name}") for name in (f"a{ending}.png", f"c{ending}.gif")
    ]
    touched(tmp_path / masks / f"d{ending}.png")  # of another photo

    assert sorted(true_masks(found)) == sorted(wanted)


def test_photos_in_other_folders_have_no_true_masks(tmp_path: Path):
    photo = touched(tmp_path / "shots" / "a.jpg")
    touched(tmp_path / "masks" / "a.png")

    assert true_masks([photo]) == []


def test_true_masks_of_all_folders_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    photos = [touched(Path(folder, "images", "a.jpg")) for folder in ("one", "two")]
    masks = [touched(tmp_path / folder / "masks" / "a.png") for folder in ("one", "two")]
    other = touched(Path("shots", "a.jpg"))

    assert true_masks([photos[0], other, photos[1]]) == masks
