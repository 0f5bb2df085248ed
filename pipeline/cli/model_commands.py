"""The commands that work on models."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from data.errors import InputError, SettingsError
from pipeline import DEFAULT_MODEL, Stage
from pipeline.cli.arguments import MaskArguments
from pipeline.cli.program import answer

if TYPE_CHECKING:
    from pipeline.model import Model

NO_ONNX = '`export` needs two more packages: pip install "foveamask[export]"'


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ExportArguments:
    """What is in the file."""

    model: str = DEFAULT_MODEL
    """Folder of a model, or the name of one that comes with the package."""
    stage: Stage | None = None
    """Last stage in the file; by default the last one that the model has."""
    postprocess: str | None = None
    """Post-processing steps in the file, smooth or close-open, or none; by default those of the
    model."""
    float16: Annotated[bool, Parameter(negative=())] = False
    """Store weights in 16 bits, for a file of half the size; everything is computed in 32."""
    licence: str | None = None
    """Terms of the weights, to be named in the file; by default what the part "Data and terms" of
    the README.md in the folder of the model says."""


DEFAULTS = ExportArguments()


def export(
    out: Annotated[Path | None, Parameter(name="OUT.onnx")] = None,
    /,
    *,
    check: Annotated[list[Path] | None, Parameter(consume_multiple=True, negative=())] = None,
    page: Path | None = None,
    runtime: Path | None = None,
    arguments: ExportArguments = DEFAULTS,
) -> None:
    """Write a model as one ONNX file, which makes the mask of any photo in any language.

    All that predict does is in the file: it takes the pixels of a photo of any size, and gives its
    mask. See docs/how-to/any-language.md for programs that use it.

    Args:
        out: the file to write.
        check: photos, or folders of them, for which the file must make the masks that the package
            makes; prints a table. If it does not, nothing is written, and the exit status is 1.
        page: folder for a web page, with the file in it, that makes masks in the browser.
        runtime: folder dist of the package onnxruntime-web, for --page; by default npm fetches it.
        arguments: what is in the file.
    """
    if out is None and page is None:
        raise SettingsError("name the file to write, OUT.onnx, or a folder for a --page")
    if out is not None and out.suffix != ".onnx":
        raise SettingsError(f"the name of an ONNX file ends in .onnx, not {out.name}")
    from data.files import prepare, write_bytes
    from data.samples import find_photos

    photos = find_photos(*check) if check else []
    if out is not None:
        prepare(out)
    if page is not None:
        prepare(page / "index.html")
    model, content, about = _exported(arguments)
    if photos and not _masks_are_equal(content, model, photos):
        raise InputError("the masks differ, so nothing is written")
    if page is not None:
        from pipeline.exporting.page_folder import read_runtime, write_page

        write_page(page, content, about, read_runtime(runtime))
    if out is not None:
        write_bytes(out, content)


def _exported(arguments: ExportArguments) -> tuple["Model", bytes, str]:
    """Return a model, the content of its file, and a line that says what it is.

    Raises:
        InputError: there is no such model, it cannot be exported, or a package is missing.
        SettingsError: there is no such post-processing step.
    """
    with _packages():
        from pipeline.exporting.onnx_file import about, exported_model, onnx_model, terms_of
    from pipeline.model_folder import load_model

    chosen = MaskArguments(stage=arguments.stage, postprocess=arguments.postprocess)
    model = exported_model(load_model(arguments.model), chosen.options())
    licence = terms_of(arguments.model) if arguments.licence is None else arguments.licence
    file = onnx_model(
        model,
        name=Path(arguments.model).name,
        half_weights=arguments.float16,
        licence=licence,
    )
    return model, file.SerializeToString(), about(file)


def _masks_are_equal(content: bytes, model: "Model", photos: list[Path]) -> bool:
    """Print a table of the masks that a file and the package make; return whether they agree."""
    with _packages():
        from pipeline.exporting.onnx_check import compare
    from pipeline.progress import progress

    answer(f"{'photo':32} {'size':>12} {'tiles':>6} {'object':>9} {'differ':>7} {'Dice':>9}")
    are_equal = True
    with progress("checking") as on_photo:
        for each in compare(content, model, photos, on_photo):
            size = f"{each.size.height} x {each.size.width}"
            answer(
                f"{each.name:32} {size:>12} {each.num_tiles:6} {each.masks.truth:9} "
                f"{each.num_different:7} {each.masks.dice:9.6f}{'' if each.is_equal else '  wrong'}"
            )
            are_equal = are_equal and each.is_equal
    return are_equal


@contextmanager
def _packages() -> Iterator[None]:
    """Say how to install the packages of the extra, if one is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in ("onnx", "onnxruntime"):
            raise
        raise InputError(NO_ONNX) from error
