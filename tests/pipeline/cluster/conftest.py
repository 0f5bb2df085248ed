"""What all tests of clusters need."""

from collections.abc import Iterator

import pytest

from tests.pipeline.cluster.clusters import RunningCluster, running_cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    """A scheduler and two workers."""
    with running_cluster(tmp_path_factory.mktemp("cluster") / "files", 2) as cluster:
        yield cluster
