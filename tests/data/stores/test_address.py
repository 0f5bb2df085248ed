"""What is an address of an object store, and what is not."""

from pathlib import Path

import pytest

from data.errors import InputError
from data.stores.address import Address, is_address


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("scheme", ["s3", "gs", "memory"])
def test_an_address_survives_being_a_path(scheme: str, slash: str):
    text = f"{scheme}://bucket/photos/red{slash}"

    for given in (text, Path(text)):
        address = Address.parse(given)
        assert address is not None
        assert str(address) == f"{scheme}://bucket/photos/red"
        assert (address.bucket, address.name) == ("bucket", "red")
        assert str(address.folder) == f"{scheme}://bucket/photos"


@pytest.mark.parametrize("text", ["photos", "/s3/photos", "./s3:/photos", "s3:photos", "C:/photos"])
def test_paths_on_disk_are_no_addresses(text: str):
    assert Address.parse(text) is None
    assert not is_address(text)


@pytest.mark.parametrize("text", ["http://host/photos", "az://box/photos", "s3a://bucket/photos"])
def test_a_store_that_is_not_read_is_refused(text: str):
    with pytest.raises(InputError, match=f"^{text}: such addresses are not read, only s3://, gs:"):
        Address.parse(text)


@pytest.mark.parametrize("key", ["../photos", "bucket/../photos", "bucket/./photos"])
def test_an_address_does_not_lead_elsewhere(key: str):
    with pytest.raises(InputError, match="may not be empty"):
        Address.parse(f"s3://{key}")


def test_an_address_needs_a_bucket():
    with pytest.raises(InputError, match="no bucket"):
        Address.parse("s3://")


def test_a_folder_holds_what_lies_below_it_and_nothing_beside_it():
    photos = Address("s3", "bucket/photos")

    assert photos.holds(photos)
    assert photos.holds(Address("s3", "bucket/photos/red"))
    assert not photos.holds(Address("s3", "bucket/photos2"))
    assert not photos.holds(Address("gs", "bucket/photos"))
    assert not photos.holds(Address("s3", "bucket"))
