"""Training data in memory: batches of photos and of patches, and how they are augmented."""
