"""From a photo to its mask: the networks as they are run, one photo or many, results to files."""
