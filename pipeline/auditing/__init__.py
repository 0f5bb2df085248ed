"""The audit of true masks: which of them are probably wrong."""
