"""From photos with masks to a model: the loop, the two stages, and the run folder."""
