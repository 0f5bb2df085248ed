"""The site, built once for all tests of its pages."""

from pathlib import Path

import pytest

from tests.documentation.built_pages import build, copied_sources


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copied_sources(tmp_path_factory.mktemp("site"))

    done = build(folder)

    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"
