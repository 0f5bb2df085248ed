"""What is on disk and where things lie: photos, masks, splits, tiles, caches."""
