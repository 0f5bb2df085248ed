"""Whether a worker of a cluster makes the results that the call wants."""

import socket
from collections.abc import Sequence
from dataclasses import asdict

from data.errors import InputError
from pipeline.inference.cluster.errand import Errand
from pipeline.inference.made_with import differences, made_with
from pipeline.inference.outputs import Output
from pipeline.inference.run_file import versions
from pipeline.inference.segmenter import Segmenter

WITHOUT_EFFECT = "python"
"""What may be of another version."""


def library_versions() -> tuple[tuple[str, str], ...]:
    """Return the versions here of all that results may depend on."""
    return tuple((name, found) for name, found in versions().items() if name != WITHOUT_EFFECT)


def check_versions(wanted: Sequence[tuple[str, str]]) -> None:
    """Raise unless this worker has the versions that the call has.

    Raises:
        InputError: it has not.
    """
    here, there = dict(library_versions()), dict(wanted)
    for name in here.keys() | there.keys():
        if here.get(name) != there.get(name):
            raise InputError(
                f"{socket.gethostname()}, a machine of the cluster, has {name} "
                f"{here.get(name, 'of no version')}, and the call {there.get(name, 'none')}: "
                "results could differ; install the same"
            )


def check_same_results(errand: Errand, segmenter: Segmenter, outputs: Sequence[Output]) -> None:
    """Raise unless this worker makes results as the call wants them.

    Raises:
        InputError: versions of libraries, the model or the background of cutouts are others here.
    """
    check_versions(errand.versions)
    making = made_with(segmenter, errand.recipe.options, outputs)
    others = differences(asdict(errand.making), asdict(making))
    if others:
        raise InputError(
            f"{socket.gethostname()}, a machine of the cluster, does not have the same "
            f"{', '.join(others)} under the same path as here"
        )
