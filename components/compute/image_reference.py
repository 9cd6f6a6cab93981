"""How an image in the region's registry is named (pure, no resources)."""

import re
from collections.abc import Mapping

# AWS limit of names: ECR CreateRepository.
_REFERENCE = re.compile(r"[a-z0-9][a-z0-9._/-]{1,255}@sha256:[0-9a-f]{64}")


def check_references(images: Mapping[str, str]) -> None:
    """Raise ``ValueError`` that names the workload whose image is not given by its digest."""
    for name, reference in images.items():
        if _REFERENCE.fullmatch(reference) is None:
            raise ValueError(f"images.{name}: {reference} is not allowed; it is <repository>@sha256:<digest>")
