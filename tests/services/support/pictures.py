"""Small pictures in the formats that people have."""

import io

from PIL import Image


def picture(kind: str = "PNG", colour: str = "blue", size: tuple[int, int] = (32, 24)) -> bytes:
    """A picture of one colour."""
    content = io.BytesIO()
    Image.new("RGB", size, colour).save(content, kind)
    return content.getvalue()
