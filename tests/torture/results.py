"""What commands leave on disk: as values that compare, and whether each file is whole.

Times, which differ from run to run, are left out, as are the files of locks.
"""

import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from pipeline.model_folder import load_model
from pipeline.training import checkpoint

Results = dict[str, bytes]
"""Files of a folder by their paths in it."""

LOCK = re.compile(r"\.lock|\.foveamask(\.part-.*)?\.lock")
RECORDS = re.compile(r"\.foveamask(\.part-.*)?\.jsonl")
CALLS = re.compile(r"run(\.part-.*)?\.json")


def results_of(folder: Path) -> Results:
    """Return all that a command has left in `folder`."""
    return {name: _comparable(path) for name, path in _files(folder)}


def difference(now: Mapping[str, bytes], right: Mapping[str, bytes]) -> str:
    """Return what differs from what is right; empty if nothing does."""
    parts = []
    for what, names in (
        ("missing", set(right) - set(now)),
        ("left behind", set(now) - set(right)),
        ("other", {name for name in set(now) & set(right) if now[name] != right[name]}),
    ):
        if names:
            parts.append(f"{what}: {', '.join(sorted(names)[:4])}")
    return "; ".join(parts)


def half_written(folder: Path, right: Mapping[str, bytes]) -> str:
    """Return what in `folder` has its final name but is not whole; empty if all is.

    Pictures and tables must be right; of a training, any earlier state may be there.
    """
    problems = []
    for name, path in _files(folder):
        unfinished = ".partial" in name or path.name == "written.json"
        unfinished = unfinished or RECORDS.fullmatch(path.name) is not None
        if unfinished or "patches.zarr" in name:
            continue
        try:
            is_whole = _is_whole(path, right.get(name))
        except Exception as error:  # noqa: BLE001  any error of a reader tells that
            problems.append(f"{name}: {type(error).__name__} {str(error)[:100]}")
            continue
        if not is_whole:
            problems.append(name)
    store = {name: data for name, data in right.items() if "patches.zarr/" in name}
    if any("patches.zarr/" in name for name, _ in _files(folder)):
        now = {n: data for n, data in results_of(folder).items() if "patches.zarr/" in n}
        now = {name: data for name, data in now.items() if not name.endswith("written.json")}
        if now != store:
            problems.append(f"patches.zarr: {difference(now, store)}")
    return f"not whole: {', '.join(problems)}" if problems else ""


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not LOCK.fullmatch(path.name):
            yield str(path.relative_to(folder)), path


def _is_whole(path: Path, right: bytes | None) -> bool:
    if path.suffix == ".csv" and right is not None:  # without photos that could not be predicted
        return _are_rows(path.read_bytes(), right)
    if path.suffix in (".png", ".csv", ".gz", ".onnx"):
        return path.read_bytes() == right
    if path.suffix == ".pt":
        checkpoint.read(path)
    elif path.name == "model.json":
        load_model(path.parent)
    elif path.suffix in (".json", ".jsonl"):
        lines = path.read_text().splitlines()
        for text in lines if path.suffix == ".jsonl" else ["\n".join(lines)]:
            json.loads(text)
    return True


def _are_rows(table: bytes, right: bytes) -> bool:
    """Whether a table has the header and some of the rows of the right one, in their order."""
    header, *rows = table.splitlines(keepends=True)
    wanted = iter(right.splitlines(keepends=True))
    return header == next(wanted) and all(row in wanted for row in rows)


def _comparable(path: Path) -> bytes:
    data = path.read_bytes()
    if CALLS.fullmatch(path.name):  # how often a command was given, when, and how long it took
        return b""
    try:
        if path.suffix == ".pt":
            saved = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
            return _digest(saved)
        if path.name == "train.json":
            return json.dumps(_timeless(json.loads(data)) | {"speeds": None}).encode()
        if path.name == "report.html":  # which has dates and times
            return b"page" if data.endswith(b"</html>\n") or data.endswith(b"</html>") else data
        if path.suffix == ".jsonl":
            rows = [json.loads(line) for line in data.splitlines()]
            if RECORDS.fullmatch(path.name):
                rows = [row for _, row in sorted({row["stem"]: row for row in rows}.items())]
            return json.dumps(_timeless(rows)).encode()
    except Exception:  # noqa: BLE001  a damaged file compares by its bytes
        return data
    return data


def _timeless(value: Any) -> Any:
    """Return a value without what is named seconds."""
    if isinstance(value, dict):
        return {k: _timeless(v) for k, v in value.items() if not str(k).endswith("seconds")}
    return [_timeless(item) for item in value] if isinstance(value, list) else value


def _digest(value: Any) -> bytes:
    """Return a hash of nested values and tensors."""
    sha = hashlib.sha256()

    def add(item: Any) -> None:
        if isinstance(item, torch.Tensor):
            sha.update(f"{item.dtype}{tuple(item.shape)}".encode() + item.numpy().tobytes())
        elif isinstance(item, dict):
            for key in item:
                sha.update(repr(key).encode())
                add(item[key])
        elif isinstance(item, list | tuple):
            sha.update(f"{len(item)}".encode())
            for inner in item:
                add(inner)
        else:
            sha.update(repr(item).encode())

    add(_timeless(value))
    return sha.digest()
