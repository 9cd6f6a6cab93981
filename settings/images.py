"""Images that were built before the stack takes them."""

from collections.abc import Mapping
from dataclasses import dataclass

from components.compute.image_reference import check_references
from settings.values import Values

KEYS = ("images",)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSettings:
    """Which images the stack takes as they are."""

    released: Mapping[str, str]
    """By workload, ``<repository>@sha256:<digest>``; the images of all others are built."""


def read_images(values: Values) -> ImageSettings:
    """Read which images are taken as they are; raises ``SettingsError`` for one without its digest."""
    released = values.table_of_texts("images")
    values.check("images", released, lambda: check_references(released))
    return ImageSettings(released=released)
