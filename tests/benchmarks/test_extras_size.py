"""What an extra adds: its packages and what they require in turn, without what is there anyway."""

from pathlib import Path

import pytest

from benchmarks import extras_size
from benchmarks.extras_size import measured, needed
from data.errors import InputError, SettingsError


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`big` requires `small[more]`, and that requires `rare`; nobody asks for what is not there."""
    install(tmp_path, "big", 1000, "small[more]>=1; python_version >= '3'", "none; extra == 'x'")
    install(tmp_path, "small", 30, "rare; extra == 'more'", "none; extra == 'tests'")
    install(tmp_path, "rare", 7, "big")
    monkeypatch.syspath_prepend(tmp_path)


def install(root: Path, name: str, size: int, *requirements: str) -> None:
    (root / f"{name}.py").write_bytes(b"#" * size)
    folder = root / f"{name}-2.0.dist-info"
    folder.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 2.0"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requirements]
    (folder / "METADATA").write_text("\n".join(lines))
    (folder / "RECORD").write_text(f"{name}.py,,\nremoved.py,,5\n")


@pytest.mark.usefixtures("packages")
def test_what_a_package_requires_in_turn_counts_with_the_extras_that_are_asked_for():
    found = needed(["big"])

    assert {name: measured(package).size for name, package in found.items()} == {
        "big": 1000,
        "small": 30,
        "rare": 7,
    }
    assert needed(["small"]).keys() == {"small"}


def test_a_package_that_is_not_installed_is_one_line_that_says_what_to_install():
    with pytest.raises(InputError, match=r"no-such-package is not installed here: pip install"):
        needed(["no_such.package"])


def test_an_extra_that_there_is_not_is_named():
    with pytest.raises(SettingsError, match="there is no extra magic; there are cluster, export"):
        extras_size.measure("magic")


def test_extras_count_without_what_the_package_requires_itself(capsys: pytest.CaptureFixture[str]):
    extras_size.measure("export", "s3")

    _, _, own, export, s3 = capsys.readouterr().out.splitlines()[:5]
    assert "torch" in own
    assert "onnxruntime" in export
    assert "numpy" not in export + s3
    assert "fsspec" not in s3
