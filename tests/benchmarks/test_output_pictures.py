from pathlib import Path

from benchmarks.output_pictures import output_pictures
from data.images import read_photo
from pipeline.model_folder import save_model
from tests.builders import foveamask
from tests.pipeline.inference.predicting import segmenter_of, write_photos


def test_both_pictures_are_made_of_the_results_of_the_command(tmp_path: Path):
    (photo,) = write_photos(tmp_path / "photos", 1)
    save_model(segmenter_of().model, tmp_path / "model")
    call = ("predict", photo, tmp_path / "out", "--model", tmp_path / "model")
    assert foveamask(*call, "--output", "mask,alpha,cutout,geojson") == 0

    output_pictures(photo, tmp_path / "out", tmp_path / "pictures")

    for name in ("outputs.jpg", "outputs_detail.png"):
        height, width, _ = read_photo(tmp_path / "pictures" / name).shape
        assert width > 3 * 4 * 90
        assert height > 2 * 4 * 60
