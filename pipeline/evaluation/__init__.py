"""How good masks are: metrics, scores of a model on photos with masks, and their analyses."""
