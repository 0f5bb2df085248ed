"""The commands that train, stage by stage."""

from pathlib import Path

from data.stores.address import Address
from pipeline.cli.arguments import (
    Device,
    ObjectEntries,
    Settings,
    check_training_paths,
    given_settings,
    parse_duration,
)
from pipeline.cli.cluster_option import scheduler_of
from pipeline.cli.program import answer, resumable
from pipeline.cli.store_places import refuse, store_places


def train(
    data: list[Path],
    run: Path,
    /,
    *,
    time: str | None = None,
    all_photos: bool = False,
    object_: ObjectEntries = (),
    config: Settings = None,
    device: Device = "auto",
) -> None:
    """Train on photos and masks, from the check of the data to a report; run it again to resume.

    Settings are fitted to the photos, unless --config sets them. Some photos are held out, to tell
    how good the model is. RUN/model is the finished model, RUN/report says what came of it.

    Args:
        data: folders with photos and masks; photos to hold out come from the first one.
        run: folder of the run, the last argument.
        time: how long it may take, such as 30m, 2h or 1h30m; by default as long as so many photos
            are worth.
        all_photos: train the finished model on all photos. Other models come before it, to tell how
            good it is: four, each of which holds out a quarter of the photos, or one for 40 groups
            of photos and more.
        object_: which values of the masks are the object, where these have several, such as 1 2,
            '#00b000' '#ff0000', or 'not 0': the setting data.object.
        config: settings file (TOML).
        device: device to compute on; auto is a GPU if there is one.
    """
    check_training_paths(run, config, data)
    seconds = parse_duration(time)
    from pipeline.full_training import train as full_training
    from pipeline.full_training.request import Request, checked
    from pipeline.inference.cpu_setup import keep_freed_memory
    from pipeline.inference.devices import choose_device

    keep_freed_memory()
    given = checked(given_settings(config, object_), is_timed=seconds is not None)
    wanted = Request(data, run, given, choose_device(device), seconds, all_photos)
    with resumable():
        outcome = full_training.train(wanted)
        for line in outcome.ending.lines:
            answer(line)
        answer(outcome.model)
        answer(outcome.report)


def train_coarse(
    data: list[Path],
    run: Path,
    /,
    *,
    folds: int | None = None,
    config: Settings = None,
    device: Device = "auto",
) -> None:
    """Train stage one on photos and masks; if interrupted, run it again to resume.

    Args:
        data: folders with train/ and train_masks/, or images/ and masks/, also in object stores
            (s3://bucket/data). The validation set comes from the first one.
        run: folder of the run, the last argument.
        folds: also train this many networks, each without one fold of the training groups, and use
            them to extract the refiner's training patches; 2 or more, or 0 for none.
        config: settings file (TOML).
        device: device to compute on; auto is a GPU if there is one.
    """
    refuse({"RUN": run, "--config": config})
    with store_places() as places:
        data = [places.read(folder) for folder in data]
        check_training_paths(run, config, data)
        from pipeline.training import commands

        with resumable():
            answer(commands.train_coarse(data, run, config, device, folds))


def make_patches(
    data: list[Path],
    run: Path,
    /,
    *,
    patches: Path | None = None,
    config: Settings = None,
    device: Device = "auto",
    cluster: str | None = None,
) -> None:
    """Extract the uncertain tiles of all photos to RUN/patches.zarr; run it again to resume.

    Args:
        data: folders of photos with masks, the same as for stage one, but without folders of
            low-resolution photos, which train stage one only; also in object stores.
        run: folder of the run, the last argument.
        patches: where the patches go, such as s3://bucket/patches.zarr; by default
            RUN/patches.zarr. Those for an object store lie in RUN until they are finished.
        config: settings file (TOML); by default the run's own.
        device: device to compute on; auto is a GPU if there is one.
        cluster: address of a Dask scheduler, such as tcp://10.0.0.1:8786: its workers extract the
            patches. They must see data and RUN under the same paths as this machine.
    """
    refuse({"RUN": run, "--config": config})
    if cluster is not None:
        refuse({f"what --cluster works on ({path})": path for path in (*data, patches)})
    with store_places() as places, scheduler_of(cluster) as scheduler:
        data = [places.read(folder) for folder in data]
        place, publish = places.published(patches, mark="zarr.json")
        check_training_paths(run, config, data)
        from pipeline.inference.cpu_setup import keep_freed_memory
        from pipeline.training import commands

        keep_freed_memory()
        with resumable():
            path = commands.make_patches(data, run, config, device, place, publish, scheduler)
            answer(path if publish is None else Address.parse(str(patches)))


def train_refiner(
    run: Path,
    /,
    *,
    patches: Path | None = None,
    config: Settings = None,
    device: Device = "auto",
) -> None:
    """Train stage two on the patches, and write the finished model to RUN/model.

    Args:
        run: folder of the run.
        patches: where the patches are, such as s3://bucket/patches.zarr; by default
            RUN/patches.zarr.
        config: settings file (TOML); by default the run's own.
        device: device to compute on; auto is a GPU if there is one.
    """
    refuse({"RUN": run, "--config": config})
    check_training_paths(run, config)
    with store_places() as places:
        place = None if patches is None else places.read(patches)
        from pipeline.training import commands

        with resumable():
            answer(commands.train_refiner(run, config, device, place))
