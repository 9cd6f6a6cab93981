"""Finds personal data in a text by patterns and check digits, as far as that goes without a model.

Names of the entities are Bedrock's (GuardrailPiiEntityType). What only a model can tell, such as names of
people, is not looked for.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

type Check = Callable[[str], bool]

IBAN_MODULUS = 97
_WORD = r"(?:\s*(?:is|was|:|=|は)\s*)"


@dataclass(frozen=True, slots=True)
class Found:
    """A place in a text that says something personal."""

    kind: str
    match: str
    start: int
    end: int


def luhn(text: str) -> bool:
    """Whether the last digit is the check digit of a card's number (ISO/IEC 7812-1)."""
    digits = [int(digit) for digit in re.sub(r"\D", "", text)]
    doubled = [sum(divmod(digit * 2, 10)) for digit in digits[-2::-2]]
    return sum((*digits[::-2], *doubled)) % 10 == 0


def iban(text: str) -> bool:
    """Whether the check digits of an account's number are right (ISO 13616)."""
    plain = text.replace(" ", "").upper()
    number = "".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])
    return int(number) % IBAN_MODULUS == 1


def mixed(text: str) -> bool:
    """Whether capitals, small letters and digits are all there, as in a key and seldom in a word."""
    return all(re.search(kind, text) for kind in ("[A-Z]", "[a-z]", r"\d"))


# The last group of each is what is personal.
PATTERNS: dict[str, tuple[re.Pattern[str], Check | None]] = {
    "AWS_ACCESS_KEY": (re.compile(r"\b((?:AKIA|ASIA)[A-Z0-9]{16})\b"), None),
    "AWS_SECRET_KEY": (re.compile(r"(?<![\w/+=])([A-Za-z0-9/+]{40})(?![\w/+=])"), mixed),
    "CREDIT_DEBIT_CARD_CVV": (re.compile(r"(?i)\b(?:cvv|cvc|cvv2|security code)\b\D{0,6}(\d{3,4})\b"), None),
    "CREDIT_DEBIT_CARD_EXPIRY": (
        re.compile(r"(?i)\b(?:expir\w*|valid (?:until|thru|through))\b\D{0,6}(\d{2} ?/ ?\d{2,4})\b"),
        None,
    ),
    "CREDIT_DEBIT_CARD_NUMBER": (re.compile(r"(?<![\d-])(\d(?:[ -]?\d){12,18})(?![\d-])"), luhn),
    "EMAIL": (re.compile(r"(?<![\w.+-])([\w.+-]+@[\w-]+(?:\.[\w-]+)+)"), None),
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER": (
        re.compile(r"(?i)\b([A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?)\b"),
        iban,
    ),
    "PASSWORD": (
        re.compile(rf"(?i)(?:\bpass(?:word|phrase|code)\b|パスワード){_WORD}(\S+[^\s.,!?。])"),
        None,
    ),
    "PIN": (re.compile(rf"(?i)(?:\bpin(?: code| number)?\b|暗証番号){_WORD}?\s?(\d{{4,8}})(?!\d)"), None),
    "SWIFT_CODE": (
        re.compile(rf"\b(?i:swift|bic)(?i: code)?\b{_WORD}?\s?([A-Z]{{6}}[A-Z0-9]{{2}}(?:[A-Z0-9]{{3}})?)\b"),
        None,
    ),
    "US_BANK_ACCOUNT_NUMBER": (
        re.compile(r"(?i)\baccount (?:number|no\.?|#)\D{0,6}(\d{8,17})(?!\d)"),
        None,
    ),
    "US_BANK_ROUTING_NUMBER": (re.compile(r"(?i)\brouting (?:number|no\.?|#)\D{0,6}(\d{9})(?!\d)"), None),
    "US_PASSPORT_NUMBER": (
        re.compile(r"(?i)\bpassport(?: number| no\.?)?\W{0,6}([A-Z]?\d{8,9})(?!\d)"),
        None,
    ),
    "US_SOCIAL_SECURITY_NUMBER": (re.compile(r"(?<![\d-])(\d{3}-\d{2}-\d{4})(?![\d-])"), None),
}


def personal(text: str, kind: str) -> Iterator[Found]:
    """Yield the places of one kind of personal data; none of a kind that patterns cannot tell."""
    pattern, check = PATTERNS.get(kind, (None, None))
    if pattern is None:
        return
    for found in pattern.finditer(text):
        match = found[1]
        if check is None or check(match):
            yield Found(kind, match, *found.span(1))
