"""From photos with masks to a finished model and a report of it, in one command."""
