"""What a picture says of how it was made: the program, and all that its pixels depend on.

PNG files hold it in two text chunks, `Software` and `foveamask`, the latter JSON. JPEG, WebP and
AVIF files hold it as XMP, in `xmp:CreatorTool` and `foveamask:provenance`. There is no time and no
path in it: the same picture is the same bytes, whenever and wherever it is made.
"""

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

from data.images import opened_image
from data.png_extras import text_chunk

KEYWORD = "foveamask"

XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    'rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:foveamask="urn:foveamask:1" '
    'xmp:CreatorTool="{software}" foveamask:provenance="{details}"/></rdf:RDF></x:xmpmeta>'
    '<?xpacket end="r"?>'
)

PACKED = re.compile(rb'xmp:CreatorTool="([^"]{0,1000})" foveamask:provenance="([^"]{0,100000})"/>')
"""The values in `XMP`."""


@dataclass(frozen=True)
class PictureProvenance:
    """How a picture was made."""

    software: str
    """Name and version of the program, in ASCII."""
    details: Mapping[str, Any]
    """JSON values: all that the picture depends on, such as hashes of the model and the photo."""

    def png_chunks(self) -> bytes:
        """Return the chunks of a PNG file."""
        return text_chunk("Software", self.software) + text_chunk(KEYWORD, self._json())

    def xmp(self) -> bytes:
        """Return the XMP packet of other formats."""
        quote = {'"': "&quot;"}
        values = {"software": self.software, "details": self._json()}
        return XMP.format(**{key: escape(text, quote) for key, text in values.items()}).encode()

    def _json(self) -> str:
        return json.dumps(self.details)


def provenance_in(data: bytes, name: str) -> PictureProvenance | None:
    """Return what an encoded picture says of how it was made; None if it says nothing.

    Args:
        data: a whole file.
        name: its name in messages.

    Raises:
        InputError: `data` is no image.
    """
    with opened_image(BytesIO(data), name) as image:
        info = image.info
    software, details = info.get("Software"), info.get(KEYWORD)
    found = PACKED.search(_bytes(info.get("xmp")))
    if found:
        software, details = (
            html.unescape(part.decode(errors="replace")) for part in found.groups()
        )
    if not isinstance(software, str) or not isinstance(details, str):
        return None
    try:
        values = json.loads(details)
    except (ValueError, RecursionError):
        return None
    return PictureProvenance(str(software), values) if isinstance(values, dict) else None


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")
