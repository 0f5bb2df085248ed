"""The csv of masks that lie in several folders."""

from pathlib import Path

import pytest

from data.errors import InputError
from data.kaggle_csv import check, write
from tests.data.csv_files import HEADER, mask_of, write_masks, written


def test_photos_of_one_stem_in_several_folders_have_rows_of_their_own(tmp_path: Path):
    masks = {"red/a": mask_of(1), "blue/deep/a": mask_of(2), "a": mask_of(3)}

    write(tmp_path / "masks.csv", write_masks(tmp_path / "masks", masks))

    text = (tmp_path / "masks.csv").read_text()
    assert text == HEADER + "a.jpg,3 1\nblue/deep/a.jpg,2 1\nred/a.jpg,1 1\n"
    assert check(tmp_path / "masks.csv", masks=tmp_path / "masks").rows == 3
    (tmp_path / "masks.csv").write_text(text.replace("red/a.jpg,1 1\n", ""))
    with pytest.raises(InputError, match="has no row of red/a, of which there is a mask"):
        check(tmp_path / "masks.csv", masks=tmp_path / "masks")


@pytest.mark.parametrize("name", ["../a", "/etc/a", "red/../../a"])
def test_no_name_in_a_row_leads_out_of_the_folder_of_masks(tmp_path: Path, name: str):
    path = written(tmp_path / "masks.csv", (f"{name}.jpg", ""))

    with pytest.raises(InputError, match="leads out of the folder of masks"):
        check(path, masks=tmp_path)
