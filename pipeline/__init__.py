"""The two stages put together: settings, training, prediction, evaluation, command line."""

DEFAULT_MODEL = "carvana"
"""The model of the package that is used where none is named."""
