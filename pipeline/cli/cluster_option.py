"""The option --cluster of the commands that workers of a Dask cluster may do the work of."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import SettingsError
from pipeline.cli.arguments import MaskArguments
from pipeline.cli.output_arguments import OutputArguments, OutputMaker

if TYPE_CHECKING:
    from pipeline.inference.cluster.cluster_crew import Cluster
    from pipeline.inference.cluster.scheduler import Scheduler
    from pipeline.inference.job import Observe


@contextmanager
def scheduler_of(address: str | None) -> Iterator["Scheduler | None"]:
    """Give the scheduler at `address`; None without --cluster.

    Raises:
        SettingsError: that is no address.
        InputError: the packages are missing, or no scheduler answers there.
    """
    if address is None:
        yield None
        return
    from pipeline.inference.cluster.scheduler import connected

    with connected(address) as scheduler:
        yield scheduler


def check_clustered(maker: OutputMaker) -> None:
    """Raise if workers that know one share of the photos cannot make the results.

    Raises:
        SettingsError: they cannot.
    """
    if maker.shares_boxes:
        raise SettingsError(
            "--crop group takes all photos of a group at once, which --cluster cannot do: use "
            "--part K/N, which keeps groups together, or --crop object"
        )


def cluster_for(
    scheduler: "Scheduler",
    arguments: MaskArguments,
    results: OutputArguments,
    maker: OutputMaker,
    observe: "Observe | None",
) -> "Cluster":
    """Return the workers of a scheduler with what they need to know to make results.

    Args:
        scheduler: of the cluster.
        arguments: the model, and how masks are made.
        results: what is written for each photo.
        maker: the same, checked.
        observe: sees the predictions, on the workers.
    """
    from pipeline.inference.cluster.cluster_crew import Cluster
    from pipeline.inference.cluster.errand import Recipe
    from pipeline.inference.cutouts.background import Background

    cutouts, picture = maker.cutouts, None
    if cutouts.background is not None and cutouts.background.picture.size > 3:
        picture = str(Path(results.background or "").absolute())
        corner = cutouts.background.picture[:1, :1]  # the workers read the file themselves
        cutouts = replace(cutouts, background=Background(corner, cutouts.background.text))
    recipe = Recipe(
        model=model_elsewhere(arguments.model),
        device=arguments.device,
        options=arguments.options(),
        names=tuple(maker.names),
        cutouts=cutouts,
        background=picture,
        polygons=maker.polygons,
        observe=observe,
    )
    return Cluster(scheduler, recipe)


def model_elsewhere(model: str) -> str:
    """Return how other machines know a model: by its absolute path, or its name in the package."""
    return str(Path(model).absolute()) if (Path(model) / "model.json").is_file() else model
