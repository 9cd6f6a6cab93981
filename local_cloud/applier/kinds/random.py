"""random:index/randomPassword:RandomPassword: made here, and nowhere written down."""

import itertools
import secrets
import string
from collections.abc import Iterator, Mapping, Set

from ..model import Resource, State
from ..secrecy import Secrecy

SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
"""The special characters that the provider uses unless it is given others."""
NONCE_BYTES = 16


class RandomPassword:
    """As the random provider does: a new password when an input changes, `keepers` included.

    The password follows from the applier's key and the resource's id, which is random, so that a later run
    finds it again without a copy of it. Its bcrypt digest is left out: nothing here reads it.
    """

    name = None
    keeps = None
    delete_first = False
    taggable = False
    findable = True
    volatile = frozenset[str]()

    def __init__(self, secrecy: Secrecy) -> None:
        self._secrecy = secrecy

    def create(self, resource: Resource) -> State:
        """Make a new password."""
        return self._state(resource, secrets.token_hex(NONCE_BYTES))

    def find(self, resource: Resource) -> State | None:
        """Return the password again."""
        return self._state(resource, resource.id) if resource.id else None

    def needs_replacement(self, changed: Set[str]) -> Set[str]:
        """Every change asks for another password."""
        return changed

    def update(self, resource: Resource, changed: Set[str]) -> State:
        """Nothing changes in place."""
        del changed
        return self._state(resource, resource.id)

    def delete(self, resource: Resource) -> None:
        """There is nothing to delete."""

    def _state(self, resource: Resource, nonce: str) -> State:
        return State(nonce, {"result": password(resource.inputs, self._secrecy.stream(f"password/{nonce}"))})


def password(inputs: Mapping[str, object], source: Iterator[int]) -> str:
    """Return a password of the declared length and kinds of characters; raises ValueError for none at all."""
    kinds = (
        ("lower", "minLower", string.ascii_lowercase),
        ("upper", "minUpper", string.ascii_uppercase),
        ("numeric", "minNumeric", string.digits),
        ("special", "minSpecial", str(inputs.get("overrideSpecial") or SPECIAL)),
    )
    alphabet, characters = "", list[str]()
    for name, least, members in kinds:
        if inputs.get(name, True) is not False:
            alphabet += members
            characters += [_choice(members, source) for _ in range(_integer(inputs, least))]
    length = _integer(inputs, "length")
    if not alphabet or length < max(1, len(characters)):
        raise ValueError("a password needs a length, and characters to choose from, that hold all minima")
    characters += [_choice(alphabet, source) for _ in range(length - len(characters))]
    for last in range(length - 1, 0, -1):  # Fisher-Yates: the minima are not all in front
        other = _below(last + 1, source)
        characters[last], characters[other] = characters[other], characters[last]
    return "".join(characters)


def _integer(inputs: Mapping[str, object], name: str) -> int:
    value = inputs.get(name)
    return int(value) if isinstance(value, int | float) else 0


def _choice(members: str, source: Iterator[int]) -> str:
    return members[_below(len(members), source)]


def _below(limit: int, source: Iterator[int]) -> int:
    """Return an unbiased number below `limit` (far below 2**32): what would favour low ones is left out."""
    fair = 2**32 - 2**32 % limit
    while True:
        number = int.from_bytes(bytes(itertools.islice(source, 4)))
        if number < fair:
            return number % limit
