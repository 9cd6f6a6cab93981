"""The program as tests run it: a stack's whole program, or a few components of it."""

from evaluation.program import ROOT, Deployment, run
from evaluation.program import evaluate as deploy

__all__ = ["ROOT", "Deployment", "deploy", "key_name", "run"]


def key_name(deployment: Deployment, label: str) -> str:
    """The key of a class of data: its own, or the one that all classes share."""
    shared = "nova-keys-data"
    names = {key.name for key in deployment.of_type("aws:kms/key:Key")}
    return shared if shared in names and label != "personal" else f"nova-keys-{label}"
