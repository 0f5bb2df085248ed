import pytest

from data.patch_cache import patch_store
from tests.data.patch_cache.stores import SHARD


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patch_store, "CHUNK", 4)
    monkeypatch.setattr(patch_store, "SHARD", SHARD)
