"""The commands that make and use synthetic photos."""

from pathlib import Path

from pipeline.cli.arguments import Angles, Count, Device, Seed
from pipeline.cli.program import resumable


def demo_data(out: Path, /, *, cars: Count = 8, angles: Angles = 16, seed: Seed = 0) -> None:
    """Make photos of synthetic cars in a studio, with exact masks, in the Carvana layout.

    Args:
        out: folder to write to.
        cars: number of cars.
        angles: number of photos of each car, at equal angles around it.
        seed: another seed makes other cars.
    """
    from data.studio import write_dataset
    from pipeline.progress import progress

    with resumable(), progress("rendering") as on_photo:
        write_dataset(out, cars=cars, angles=angles, seed=seed, on_photo=on_photo)


def demo(out: Path = Path("demo"), /, *, device: Device = "auto") -> None:
    """Make synthetic photos, train both stages on them, predict, score and draw.

    Args:
        out: folder to work in.
        device: device to compute on; auto is a GPU if there is one.
    """
    from pipeline.demo import run_demo

    with resumable():
        run_demo(out, device)
