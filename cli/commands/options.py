"""Options that several commands have."""

from enum import StrEnum
from typing import Annotated

import typer

StackOption = Annotated[
    str, typer.Option("--stack", help="a stack in AWS; the platform on this machine when left out")
]
AwsStack = Annotated[str, typer.Option("--stack", help="a stack in AWS")]
SinceOption = Annotated[
    str, typer.Option("--from", help="from when, in ISO 8601; UTC where no zone is named")
]
UntilOption = Annotated[str, typer.Option("--to", help="until when")]
PreviewOption = Annotated[bool, typer.Option("--preview", help="show what would be done, and change nothing")]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON for programs")]
YesOption = Annotated[bool, typer.Option("--yes", help="do not ask")]


class Models(StrEnum):
    """Who answers calls to models."""

    offline = "offline"
    aws = "aws"
