"""The OpenAPI document of `foveamask serve`."""

from pipeline.serving import masks_call, removebg_call, tile_layers
from pipeline.serving.form_reading import JSON
from pipeline.serving.openapi_parts import BINARY, OBJECT, Schema, described, posted
from pipeline.serving.reply import MEDIA_TYPES
from pipeline.serving.service_limits import ServiceLimits


def document(limits: ServiceLimits) -> Schema:
    """Return the document of a server with `limits`, for JSON."""
    about = (
        f"Files of up to {limits.max_bytes / 2**20:g} MiB and {limits.max_pixels / 1e6:g} "
        "megapixels. A missing field and an empty one are the same."
    )
    paths = {
        "/v1/masks": posted(
            "Masks, cutouts and polygons of a photo",
            masks_call.FIELDS,
            {kind: _body(kind) for kind in sorted(set(MEDIA_TYPES.values()))},
            required=("photo",),
        ),
        "/v1/tiles": posted(
            "A coarse mask and its refined tiles, to be stitched for any budget",
            tile_layers.FIELDS,
            {JSON: OBJECT},
            required=("photo",),
        ),
        "/v1.0/removebg": posted(
            "The API of remove.bg",
            removebg_call.FIELDS,
            {kind: _body(kind) for kind in removebg_call.RESULT_TYPES},
            one_of=("image_file", "image_file_b64"),
            others=True,
        ),
    }
    return described("foveamask", about, paths)


def _body(kind: str) -> Schema:
    return OBJECT if kind.endswith("json") else BINARY
