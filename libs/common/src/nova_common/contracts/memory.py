"""Contracts of long-term memory: the notes that a person wants kept."""

from pydantic import Field

from nova_common.contracts.wire import Contract, Timestamp

NOTE_CHARACTERS_MAX = 300
"""The longest note: two or three sentences."""


class Note(Contract):
    """What a person said and wants kept, in the person's own words."""

    id: str
    text: str = Field(min_length=1, max_length=NOTE_CHARACTERS_MAX)
    created_at: Timestamp


class NoteList(Contract):
    """Answer of `GET /api/memory`: all notes, newest first."""

    items: list[Note]
