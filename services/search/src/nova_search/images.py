"""Images that people give: what they are, whatever they are called."""

import io
import warnings

from nova_common.contracts.search import ImageFormat
from PIL import Image, UnidentifiedImageError

PIXELS_MAX = 50_000_000
"""More than any camera's picture within the limit of bytes; a small file can unfold into more."""

_FORMATS: dict[str, ImageFormat] = {"PNG": "png", "JPEG": "jpeg", "GIF": "gif", "WEBP": "webp"}


class InvalidImageError(ValueError):
    """The content is no image that can be embedded; the message is meant for people."""


def image_format(content: bytes) -> ImageFormat:
    """Return the format of an image, once it has been decoded whole; InvalidImageError."""
    try:
        with warnings.catch_warnings():
            # Far above the limit Pillow only warns; the limit here is checked before pixels are decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=tuple(_FORMATS)) as image:
                if image.width * image.height > PIXELS_MAX:
                    message = f"the image has more than {PIXELS_MAX} pixels"
                    raise InvalidImageError(message)
                image.load()
                return _FORMATS[str(image.format)]
    except UnidentifiedImageError as error:
        message = f"the content is no image; accepted are {', '.join(_FORMATS)}"
        raise InvalidImageError(message) from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, InvalidImageError):
            raise
        message = "the image is damaged"
        raise InvalidImageError(message) from error
