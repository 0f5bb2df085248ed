"""Whole objects against a server of S3 that fails as it is told to."""

import re
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from fsspec.registry import _registry

from data.errors import InputError
from data.stores import object_store
from data.stores.address import Address
from data.stores.object_store import Entry, ObjectStore

if TYPE_CHECKING:
    from tests.s3_server import S3Server

CONTENT = bytes(range(256)) * 200


@pytest.fixture
def a(s3: "S3Server") -> Address:
    """An object with `CONTENT`."""
    address = Address("s3", f"{s3.bucket()}/photos/a.jpg")
    s3.files().pipe_file(address.key, CONTENT)
    s3.reset()
    return address


@pytest.fixture(scope="module")
def store(s3_server: "S3Server") -> ObjectStore:
    """The store of the server; making one takes half a second."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_server.environment.items():
            patch.setenv(name, value)
        made = ObjectStore.of(Address("s3", "bucket"))
        with suppress(InputError):  # only now it looks for credentials
            made.found(Address("s3", "no-such-bucket"))
        return made


def test_an_object_is_read_with_one_request(s3: "S3Server", store: ObjectStore, a: Address):
    assert store.read(a, len(CONTENT)) == CONTENT

    assert len(s3.requests) == 1


@pytest.mark.parametrize("kind", ["slow down", "broken", "cut"])
def test_reading_that_fails_is_tried_again(
    s3: "S3Server", store: ObjectStore, a: Address, kind: str
):
    with s3.failing(kind, "GET .*a.jpg", times=3):
        assert store.read(a, len(CONTENT)) == CONTENT

    assert s3.count("GET .*a.jpg") == 4


def test_a_server_that_says_nothing_is_asked_again(
    s3: "S3Server", a: Address, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(object_store, "SECONDS_OF_SILENCE", 1)
    with s3.failing("silent", "GET .*a.jpg"):
        assert ObjectStore.of(a).read(a, len(CONTENT)) == CONTENT


def test_slow_reading_is_waited_for(s3: "S3Server", store: ObjectStore, a: Address):
    with s3.failing("slow", "GET .*a.jpg"):
        assert store.read(a, len(CONTENT)) == CONTENT

    assert s3.count("GET") == 1


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("slow down", "SlowDown|503|reduce"),
        ("cut", "25600 of 51200|Payload|Incomplete|Broken"),
        ("wrong key", "access is denied"),
    ],
)
def test_an_object_that_cannot_be_read_is_named_in_one_line(
    s3: "S3Server", store: ObjectStore, a: Address, kind: str, reason: str
):
    with s3.failing(kind, "GET .*a.jpg", times=99), pytest.raises(InputError) as caught:
        store.read(a, len(CONTENT))

    assert str(caught.value).startswith(f"{a} cannot be read: ")
    assert len(str(caught.value).splitlines()) == 1
    assert re.search(reason, str(caught.value))


def test_an_object_of_another_size_is_not_believed(s3: "S3Server", store: ObjectStore, a: Address):
    with pytest.raises(InputError, match="51200 of 7 bytes came"):
        store.read(a, 7)


@pytest.mark.parametrize("kind", ["slow down", "broken"])
def test_writing_that_fails_is_tried_again(
    s3: "S3Server", store: ObjectStore, a: Address, kind: str
):
    with s3.failing(kind, "PUT .*a.jpg", times=3):
        store.write(a, b"new")

    assert s3.files().cat_file(a.key) == b"new"


def test_an_object_that_cannot_be_written_is_named_and_stays(
    s3: "S3Server", store: ObjectStore, a: Address
):
    with (
        s3.failing("slow down", "PUT .*a.jpg", times=99),
        pytest.raises(OSError, match="as told") as caught,
    ):
        store.write(a, b"new")

    assert caught.value.filename == str(a)
    assert "cannot be written" in caught.value.strerror
    assert s3.files().cat_file(a.key) == CONTENT


def test_a_new_object_takes_no_other_ones_place(s3: "S3Server", store: ObjectStore, a: Address):
    b = Address("s3", f"{a.key}2")

    store.write(b, b"new", is_new=True)
    with pytest.raises(FileExistsError):
        store.write(a, b"new", is_new=True)

    assert s3.files().cat_file(b.key) == b"new"
    assert s3.files().cat_file(a.key) == CONTENT


def test_objects_are_listed_by_what_follows_the_address(
    s3: "S3Server", store: ObjectStore, a: Address
):
    bucket = Address("s3", a.bucket)
    store.write(Address("s3", f"{a.bucket}/photos2/b.jpg"), b"")
    etag = store.found(a)[""].etag

    assert store.found(a.folder) == {"a.jpg": Entry(len(CONTENT), etag)}
    assert store.found(a) == {"": Entry(len(CONTENT), etag)}
    assert store.found(bucket).keys() == {"photos/a.jpg", "photos2/b.jpg"}
    assert store.found(Address("s3", f"{a.bucket}/none")) == {}


def test_a_missing_bucket_is_named(s3: "S3Server", store: ObjectStore):
    address = Address("s3", "no-such-bucket/photos")

    with pytest.raises(InputError, match=r"there is no bucket no-such-bucket$"):
        store.found(address)
    with pytest.raises(OSError, match="there is no bucket no-such-bucket"):
        store.write(address, b"")


def test_a_wrong_key_is_no_missing_bucket(s3: "S3Server", store: ObjectStore, a: Address):
    with s3.failing("wrong key", "GET", times=99), pytest.raises(InputError) as caught:
        store.found(a.folder)

    assert "are the credentials right?" in str(caught.value)
    assert s3.count("GET") == 1  # it is not tried again


def test_missing_credentials_are_said(s3: "S3Server", a: Address, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setattr(object_store, "CONNECTIONS", 1)  # or it would be a client with credentials
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(InputError, match="no credentials are found"):
        ObjectStore.of(a).found(a.folder)


def test_a_store_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(_registry, "s3", raising=False)

    with pytest.raises(InputError, match=r"^s3://bucket needs .* `pip install 'foveamask\[s3\]'`$"):
        ObjectStore.of(Address("s3", "bucket"))


def test_an_object_that_is_gone_is_removed_already(s3: "S3Server", store: ObjectStore, a: Address):
    store.remove(a)
    store.remove(a)

    assert store.found(a) == {}
