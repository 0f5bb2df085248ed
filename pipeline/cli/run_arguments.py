"""The options of `predict` that say how a call works through its photos."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from cyclopts import Parameter

from data.errors import SettingsError
from pipeline.cli.arguments import Flag, Share
from pipeline.cli.standard_streams import STREAM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.cli.store_places import StorePlaces
    from pipeline.inference.job import Job
    from pipeline.inference.outputs import Output
    from pipeline.inference.part import Part


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class RunArguments:
    """The options of how a call works through its photos."""

    csv: Path | None = None
    """Also write the masks to this csv file, as run lengths for the Kaggle challenge; gzipped if
    the name ends in .gz."""
    expected: Path | None = None
    """Also write the Dice that the model expects of each mask to this csv file, lowest first, with
    the ends that the true Dice of 90 of 100 masks lies between; photos unlike those that the model
    was trained on come before all others, without a Dice. Photos predicted without this option are
    repeated."""
    report: Path | None = None
    """Also write a report to this folder: DIR/index.html, a page of all photos with their masks,
    the least certain first. With --part pictures are drawn, and the call without it writes the
    page."""
    overwrite: Flag = False
    """Make the results of these photos anew, even if OUT has results of another model or other
    options. Those of other photos are left as they are, with a warning."""
    part: str | None = None
    """K/N, such as 3/16: predict the K-th of N parts of the photos. Several computers or jobs can
    share the work, at the same time and with one OUT. A part writes its own tables; the same
    command without --part joins them, and predicts what is left."""
    cluster: str | None = None
    """Address of a Dask scheduler, such as tcp://10.0.0.1:8786: its workers predict the photos.
    They must see photos, model and OUT under the same paths as this machine."""
    reviewed: Path | None = None
    """Folder of masks that `foveamask review` was called with: what was mended and accepted there
    is applied to the results, of which only those are made anew."""
    watch: Flag = False
    """Go on with photos that arrive in the folders, once they have stopped growing, until Ctrl-C
    or SIGTERM. Tables are written then."""
    fail_unknown: Flag = False
    """Exit with 1 if a photo is unlike those that the model was trained on."""
    fail_under: Share = None
    """List the photos whose masks may have a Dice below this one, by the lower end of that
    interval, and exit with 1 if there are any. A photo unlike those that the model was trained on
    is one of them."""

    def check(self) -> None:
        """Raise if options contradict each other, or there is no such part.

        Raises:
            SettingsError: for one of these reasons.
        """
        self.share()
        if self.reviewed is not None and (self.watch or self.cluster is not None):
            raise SettingsError("--reviewed is of photos that are there: no --watch, no --cluster")
        for option in ("part", "watch"):
            if self.cluster is not None and getattr(self, option):
                raise SettingsError(f"--cluster shares all photos out, so it takes no --{option}")
            if self.overwrite and getattr(self, option):
                raise SettingsError(
                    f"--overwrite starts OUT anew, which --{option} cannot do: name another "
                    "folder, or remove OUT first"
                )
        if self.report == STREAM:
            raise SettingsError("--report takes a folder, not -")
        for option in ("csv", "expected"):
            if getattr(self, option) == STREAM:
                raise SettingsError(f"--{option} takes a file, such as /dev/stdout, not -")

    def check_streamed(self) -> None:
        """Raise if an option needs a folder for results, where these go to standard output.

        Raises:
            SettingsError: one does.
        """
        results = ("csv", "expected", "report", "overwrite")
        of_folders = (*results, "part", "cluster", "reviewed", "watch")
        given = [option for option in of_folders if getattr(self, option)]
        if given:
            raise SettingsError(f"--{given[0]} needs a folder for OUT, not standard output")

    def at(self, places: "StorePlaces") -> Self:
        """Return the same options with files and folders in place of addresses.

        Raises:
            InputError: an address cannot be written to.
        """
        report = None if self.report is None else places.written(self.report)
        csv, expected = places.file(self.csv), places.file(self.expected)
        return replace(self, csv=csv, expected=expected, report=report)

    def share(self) -> "Part | None":
        """Return the part of the photos to work on; None for all.

        Raises:
            SettingsError: there is no such part.
        """
        from pipeline.inference.part import Part

        return None if self.part is None else Part.parse(self.part)

    def job(self, out: Path, outputs: "Sequence[Output]") -> "Job":
        """Return what is written, and where to.

        Args:
            out: folder for the results.
            outputs: what is written for each photo.

        Raises:
            SettingsError: a csv of masks is wanted, but no masks; or there is no such part.
        """
        from pipeline.inference.job import Job

        if self.csv is not None and "mask" not in [output.name for output in outputs]:
            raise SettingsError("--csv is made from masks: add mask to --output")
        return Job(
            out=out,
            outputs=outputs,
            csv=self.csv,
            expected=self.expected,
            part=self.share(),
            overwrite=self.overwrite,
            dice=self.fail_under is not None or self.report is not None,
        )


DEFAULT_RUN = RunArguments()
