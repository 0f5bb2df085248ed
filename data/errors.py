"""Errors that a user can correct."""


class InputError(ValueError):
    """The user's files are at fault; the message says which, and what to do."""


class SettingsError(InputError):
    """The user's settings are at fault; the message names the setting and what it may be."""
