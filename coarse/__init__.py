"""Coarse stage: from a reduced photo to a logit for each of its pixels, and the uncertain tiles."""
