"""The nodes of each operation of torch that can be exported."""

from collections.abc import Callable
from typing import Any

from pipeline.exporting import layer_nodes, tensor_nodes

OPERATIONS: dict[str, Callable[..., Any]] = {
    "_native_batch_norm_legit_no_training": layer_nodes.batch_norm,
    "_to_copy": tensor_nodes.to_dtype,
    "add": tensor_nodes.elementwise("Add"),
    "alias": tensor_nodes.same,
    "cat": tensor_nodes.cat,
    "clone": tensor_nodes.same,
    "conv2d": layer_nodes.conv,
    "conv_transpose2d": layer_nodes.conv_transpose,
    "copy": tensor_nodes.copy,
    "detach": tensor_nodes.same,
    "div": tensor_nodes.elementwise("Div"),
    "dropout": tensor_nodes.same,
    "feature_dropout": tensor_nodes.same,
    "layer_norm": layer_nodes.layer_norm,
    "linear": layer_nodes.linear,
    "max_pool2d": layer_nodes.max_pool,
    "max_pool2d_with_indices": layer_nodes.max_pool_with_masks,
    "max_unpool2d": layer_nodes.max_unpool,
    "maximum": tensor_nodes.maximum,
    "mul": tensor_nodes.elementwise("Mul"),
    "pad": tensor_nodes.pad,
    "permute": tensor_nodes.permute,
    "pixel_shuffle": layer_nodes.pixel_shuffle,
    "prelu": layer_nodes.prelu,
    "relu": layer_nodes.relu,
    "slice": tensor_nodes.cut,
    "slice_scatter": tensor_nodes.slice_scatter,
    "squeeze": tensor_nodes.squeeze,
    "std_mean": tensor_nodes.std_mean,
    "sub": tensor_nodes.elementwise("Sub"),
    "to": tensor_nodes.to_dtype,
    "upsample_nearest2d": layer_nodes.upsample_nearest,
    "view": tensor_nodes.view,
}
"""The function for each operation of torch, by its name in a trace."""
