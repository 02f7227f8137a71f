"""An image in the body of a request."""

import base64
import io

from PIL.Image import Image

__all__ = ["data_uri"]

_QUALITY = 90


def data_uri(image: Image) -> str:
    """An image as a JPEG data URI: re-encoded from its pixels, so that nothing else of a file is sent.

    Color is kept at full resolution, or the small white letters on red of a panel would blur.
    """
    buffer, plain = io.BytesIO(), image.convert("RGB")
    plain.info = {}  # of the copy that `convert` makes; Pillow would write a comment found here
    plain.save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
