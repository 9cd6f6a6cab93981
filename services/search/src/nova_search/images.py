"""Images that people give: what they are, whatever they are called."""

import io
import warnings
from http import HTTPStatus

from nova_common.contracts.search import ImageFormat
from nova_common.embeddings import Image
from nova_common.problems import Problem
from PIL import Image as Picture
from PIL import UnidentifiedImageError

PIXELS_MAX = 50_000_000
"""More than any camera's picture within the limit of bytes; a small file can unfold into more."""

_FORMATS: dict[str, ImageFormat] = {"PNG": "png", "JPEG": "jpeg", "GIF": "gif", "WEBP": "webp"}


def accepted_image(content: bytes) -> Image:
    """Return an image with its format, once it has been decoded whole; a Problem 415 for what is none."""
    try:
        with warnings.catch_warnings():
            # Far above the limit Pillow only warns; the limit here is checked before pixels are decoded.
            warnings.simplefilter("ignore", Picture.DecompressionBombWarning)
            with Picture.open(io.BytesIO(content), formats=tuple(_FORMATS)) as picture:
                if picture.width * picture.height > PIXELS_MAX:
                    raise _refused(f"the image has more than {PIXELS_MAX} pixels")
                picture.load()
                return Image(content=content, format=_FORMATS[str(picture.format)])
    except UnidentifiedImageError as error:
        message = f"the content is no image; accepted are {', '.join(_FORMATS)}"
        raise _refused(message) from error
    except (OSError, SyntaxError, ValueError, Picture.DecompressionBombError) as error:
        raise _refused("the image is damaged") from error


def _refused(message: str) -> Problem:
    return Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, message)
