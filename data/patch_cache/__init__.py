"""The patches of uncertain tiles on disk: what the refiner is trained on."""
