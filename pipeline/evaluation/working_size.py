"""A check that masks lie on the grid of tiles, which only holds for photos at working size."""

from data.errors import InputError
from pipeline.inference.prediction import Proposal


def check_at_working_size(proposal: Proposal) -> None:
    """Raise if the photo was resampled to its working size.

    Raises:
        InputError: it was, so its mask is not on the grid of the tiles and logits.
    """
    if proposal.size != proposal.working:
        raise InputError(
            f"a photo of {proposal.size} is resampled to {proposal.working}; only photos at "
            "working size (data.long_side) can be measured here"
        )
