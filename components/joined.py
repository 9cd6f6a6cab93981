"""Text with outputs in it (no resources)."""

from typing import Any, cast

import pulumi


def joined(*parts: pulumi.Input[str]) -> pulumi.Output[str]:
    """Return ``parts`` as one text.

    The same as ``pulumi.Output.concat``, which makes three outputs of each part, of plain ones too: some
    thousands of them for a stack's ARNs.
    """
    waited_for: list[Any] = [part for part in parts if not isinstance(part, str)]

    def filled(known: list[str]) -> str:
        values = iter(known)
        return "".join(part if isinstance(part, str) else next(values) for part in parts)

    if len(waited_for) == 1 and isinstance(waited_for[0], pulumi.Output):
        only = cast("pulumi.Output[str]", waited_for[0])
        return only.apply(lambda known: filled([known]))
    return pulumi.Output.all(*waited_for).apply(filled)
