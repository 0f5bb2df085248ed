"""The work on one photo, from file to file; and whether earlier work on it still holds."""

from dataclasses import dataclass

from data.arrays import Photo
from data.files import read_bytes, write_bytes
from data.images import decode_photo
from data.photo_files import PhotoFile
from pipeline.inference.given_masks import GivenMasks
from pipeline.inference.job import Job
from pipeline.inference.made_with import MadeWith
from pipeline.inference.manifest import bytes_hash, file_hash
from pipeline.inference.mask_refining import MaskedPhoto, RefinedMask
from pipeline.inference.outputs import Finished, Output
from pipeline.inference.prediction import Prediction
from pipeline.inference.records import Record
from refine.postprocess import num_detached


@dataclass
class PhotoWork:
    """A photo that is being processed."""

    photo: PhotoFile
    sha256: str = ""
    """Hash of its file, once it has been read."""
    data: bytes = b""
    """Its file, if an output needs it."""
    mask: str | None = None
    """Hash of the mask that is given for it, or of what is mended in its mask; see `Job`."""

    def __str__(self) -> str:
        return str(self.photo)


@dataclass(frozen=True)
class Worker:
    """Does for each photo what a job says."""

    job: Job
    making: MadeWith
    """What results depend on besides the photo."""

    def read(self, work: PhotoWork) -> Photo:
        """Return the pixels of a photo, and store what is needed of its file in `work`.

        Raises:
            InputError: it cannot be read.
        """
        data = read_bytes(work.photo.path)
        work.sha256 = bytes_hash(data)
        if self.job.mending is not None:
            work.mask = self.job.mending.key(work.photo.path)
        if any(output.needs_file for output in self.job.outputs):
            work.data = data
        return decode_photo(data, str(work.photo))

    def read_masked(self, work: PhotoWork, given: GivenMasks) -> MaskedPhoto:
        """Return a photo with the mask that is given for it; store what is needed in `work`.

        Raises:
            InputError: it has no mask, or one of them cannot be read.
        """
        mask = given.read(work.photo.path)
        work.mask = bytes_hash(mask)
        return given.decode(mask, work.photo.path, self.read(work))

    def encoded(self, output: Output, work: PhotoWork, prediction: Prediction) -> bytes:
        """Return the file of one result of a photo."""
        provenance = self.making.provenance(output, work.sha256, work.mask)
        photo = work.photo
        return output.encode(Finished(photo.path, prediction, work.data, provenance, photo.name))

    def write(self, work: PhotoWork, prediction: Prediction) -> Record:
        """Write the results of one photo and return its record."""
        photo, hashes = work.photo, {}
        prediction = self.job.mended(photo.path, prediction)
        for output in self.job.outputs:
            data = self.encoded(output, work, prediction)
            path = output.path(self.job.out, photo.name)
            # Not waited for: the next call checks its hash.
            write_bytes(path, data, is_durable=False, place=self.job.place)
            hashes[output.key(photo.path)] = bytes_hash(data)
        dice = prediction.predicted_dice if self.job.records_dice else None
        detached = num_detached(prediction.mask) if self.job.records_dice else None
        num_tiles = len(prediction.proposal.tiles)
        kept = prediction.kept if isinstance(prediction, RefinedMask) else None
        record = Record(
            work.sha256, hashes, dice, prediction.is_known, num_tiles, work.mask, kept, detached
        )
        if self.job.observe is not None:
            self.job.observe(record, prediction)
        return record

    def is_done(self, item: tuple[PhotoFile, Record]) -> bool:
        """Whether a photo and the files written for it have the hashes in its record.

        Raises:
            InputError: one of them cannot be read.
        """
        photo, record = item
        written = {
            output.key(photo.path): output.path(self.job.out, photo.name)
            for output in self.job.outputs
        }
        if written.keys() != record.outputs.keys():
            return False
        if self.job.mask_key(photo.path) != record.mask:
            return False
        # The photo is hashed last, because it is the largest file.
        return (
            record.outputs == {key: file_hash(path) for key, path in written.items()}
            and file_hash(photo.path) == record.photo
        )
