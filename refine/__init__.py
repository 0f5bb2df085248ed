"""Refine stage: from uncertain tiles of a photo to their logits at full resolution."""
