"""Review of a batch of masks on disk: which are worth a look, and mending them by strokes.

A person's strokes are kept beside the masks, never baked into them: a corrected mask is always what
the network makes of the photo and the strokes. The server is that of `pipeline.serving`.
"""
