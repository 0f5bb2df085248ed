"""A model as one ONNX graph: from a photo of any size to its mask, for any language."""
