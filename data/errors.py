"""Errors that a user can correct."""


class InputError(ValueError):
    """There is an error in the user's files; the message says in which, and what to do."""


class SettingsError(InputError):
    """There is an error in the user's settings; the message names the setting and valid values."""
