"""The program as tests run it: a stack's whole program, or a few components of it."""

from evaluation.program import ROOT, Deployment, run
from evaluation.program import evaluate as deploy

__all__ = ["ROOT", "Deployment", "deploy", "run"]
