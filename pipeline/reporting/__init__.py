"""Pictures of predictions: the mask, the tiles, the fovea, and what each step changes."""
