"""The cars: their proportions, their bodies as quads, and the skin painted on them."""
