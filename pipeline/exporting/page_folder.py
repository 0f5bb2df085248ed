"""A folder with a page that makes masks in the browser: the model, onnxruntime-web, and the page.

Nothing in it refers to anything outside of the folder, so any server of files will do.
"""

import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from data.errors import InputError
from data.files import write_bytes

RUNTIME_VERSION = "1.30.0"
"""Version of onnxruntime-web that the page is tested with."""

RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
"""What the page needs of the folder `dist` of onnxruntime-web."""

ASSETS = Path(__file__).parent / "page"

SECONDS = 600
"""How long the download of onnxruntime-web may take."""


def write_page(folder: Path, model: bytes, about: str, runtime: dict[str, bytes]) -> None:
    """Write the page; its index.html is written last, so that what can be opened is complete.

    Args:
        folder: where to; it may exist, files of the same names are replaced.
        model: content of the ONNX file.
        about: what the page says of it.
        runtime: the files of `RUNTIME`, from `read_runtime`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    assets = {path.name: path.read_bytes() for path in ASSETS.iterdir()}
    index = {"index.html": assets.pop("index.html")}
    files = {"model.onnx": model, "about.txt": about.encode(), **runtime, **assets, **index}
    for name, content in files.items():
        write_bytes(folder / name, content)


def read_runtime(dist: Path | None = None) -> dict[str, bytes]:
    """Return the files of onnxruntime-web from its folder `dist`, or from npm.

    Raises:
        InputError: they are not in `dist`, there is no npm, or it cannot fetch them.
    """
    if dist is not None:
        missing = [name for name in RUNTIME if not (dist / name).is_file()]
        if missing:
            raise InputError(f"{dist} is not the folder dist of onnxruntime-web: no {missing[0]}")
        return {name: (dist / name).read_bytes() for name in RUNTIME}
    package = f"onnxruntime-web@{RUNTIME_VERSION}"
    if shutil.which("npm") is None:
        raise InputError(
            f"the page needs {package}: install npm, or name the folder dist of that package "
            "with --runtime"
        )
    with tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run(
                ["npm", "pack", "--silent", package],
                cwd=folder,
                check=True,
                capture_output=True,
                timeout=SECONDS,
            )
            (archive,) = Path(folder).glob("*.tgz")
        except (subprocess.SubprocessError, ValueError) as error:
            raise InputError(
                f"npm cannot fetch {package}; name the folder dist of that package with --runtime"
            ) from error
        return _unpacked(archive)


def _unpacked(archive: Path) -> dict[str, bytes]:
    """Return the files of the runtime in a package of npm."""
    with tarfile.open(archive) as package:
        members = ((name, package.extractfile(f"package/dist/{name}")) for name in RUNTIME)
        return {name: member.read() for name, member in members if member is not None}
