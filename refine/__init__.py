"""Refine stage: uncertain tiles of a photo at full resolution, and steps on the finished mask."""
