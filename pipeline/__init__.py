"""The two stages put together: settings, training, prediction, evaluation, command line."""
