"""Pictures, tables and the notebook of the documentation."""
