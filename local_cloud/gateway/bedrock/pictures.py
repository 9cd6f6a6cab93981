"""What can be said of a picture without a model that sees: its format, its light and its colours, measured.

The offline embedding model reads text only, so it gets this description. Searches for colours and light, and
for pictures of the same colours, find what they should; what a picture shows is known in AWS alone.
"""

import base64
import binascii
import io
from typing import Any, cast

from local_cloud.documents import Document, part
from local_cloud.gateway.bedrock.embedder import Array, numpy
from local_cloud.gateway.protocol import AwsError

FORMATS = {"png": "PNG", "jpeg": "JPEG", "gif": "GIF", "webp": "WEBP"}
DETAIL_LEVELS = ("STANDARD_IMAGE", "DOCUMENT_IMAGE")
IMAGE_BYTES_MAX = 25 * 1024 * 1024
"""Largest image in a request (Nova Multimodal Embeddings, limits)."""

SAMPLE_PIXELS = 64
"""Side of the square that a picture is shrunk to before its colours are counted."""
COLOURS_MAX = 3
SHARE_MIN = 0.1
"""Part of a picture that a colour covers at least to be named."""
DARK, BRIGHT = 0.25, 0.75
"""Mean brightness, from 0 to 1, below and above which a picture is called dark or bright."""

_COLOURS = {
    "black": (0, 0, 0), "white": (255, 255, 255), "grey": (128, 128, 128), "red": (220, 30, 30),
    "orange": (250, 140, 20), "yellow": (250, 230, 40), "green": (40, 160, 60), "blue": (40, 70, 210),
    "purple": (130, 50, 160), "pink": (245, 160, 190), "brown": (120, 75, 40),
}  # fmt: skip


def described(image: Document) -> str:
    """Return a picture's description.

    Raises:
        AwsError: ValidationException for what the model refuses.

    """
    if image.get("format") not in FORMATS:
        raise _invalid(f"image.format must be one of {', '.join(FORMATS)}")
    if image.get("detailLevel", DETAIL_LEVELS[0]) not in DETAIL_LEVELS:
        raise _invalid(f"image.detailLevel must be one of {', '.join(DETAIL_LEVELS)}")
    pixels, size = _pixels(_content(image), FORMATS[image["format"]])
    light = float(pixels.mean()) / 255
    shade = "dark" if light < DARK else "bright" if light > BRIGHT else "clear"
    shape = "wide" if size[0] > size[1] else "tall" if size[0] < size[1] else "square"
    return f"a {shade} {shape} picture, {' and '.join(_colours(pixels))}"


def _content(image: Document) -> bytes:
    given = part(image, "source").get("bytes")
    if not isinstance(given, str):
        raise _invalid("image.source.bytes must be base64; the local cloud reads no image from S3")
    try:
        content = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _invalid("image.source.bytes is not base64") from error
    if len(content) > IMAGE_BYTES_MAX:
        raise _invalid(f"an image has at most {IMAGE_BYTES_MAX} bytes")
    return content


def _pixels(content: bytes, kind: str) -> tuple[Array, tuple[int, int]]:
    """Return a picture's pixels, shrunk, and its size."""
    from PIL import Image  # noqa: PLC0415 (a daemon without pictures need not load it)

    try:
        with Image.open(io.BytesIO(content), formats=(kind,)) as opened:
            small = cast("Any", opened.convert("RGB")).resize((SAMPLE_PIXELS, SAMPLE_PIXELS))
            return numpy().asarray(small), opened.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _invalid(f"the image is not a readable {kind}") from error


def _colours(pixels: Array) -> list[str]:
    """Return the colours that cover most of a picture, the largest first."""
    np = numpy()
    names, values = list(_COLOURS), np.array(list(_COLOURS.values()))
    distances = ((pixels.reshape(-1, 1, 3).astype(int) - values) ** 2).sum(axis=2)
    shares = np.bincount(distances.argmin(axis=1), minlength=len(names)) / (SAMPLE_PIXELS * SAMPLE_PIXELS)
    order = [int(place) for place in np.argsort(-shares)[:COLOURS_MAX]]
    return [names[place] for place in order if shares[place] >= SHARE_MIN] or [names[order[0]]]


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", f"Invalid request body: {message}")
