"""The tools by which a model keeps and forgets notes, bound to one message of one person.

What is kept are words of the person's own, found word for word in what the person wrote in the conversation.
A recording or a document that orders to remember something can therefore put nothing into memory, whatever a
model makes of it; and once such material was read for a message, the model forgets nothing on its account.
"""

from collections.abc import Callable, Sequence
from typing import Any, override

from nova_agent_tools.services import ToolFailedError
from nova_agent_tools.tool import Arguments, Tool
from nova_common.contracts.memory import NOTE_CHARACTERS_MAX
from nova_common.events import AGGREGATE_ID_PATTERN
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from strands.hooks import AfterToolCallEvent, HookProvider, HookRegistry

from nova_agent_core.memory import Message
from nova_agent_core.notes import NOTES_MAX, NoSuchNoteError, NotesFullError, PersonErasedError, plain
from nova_agent_core.recall import FAILURES, LongTermMemory

NOTE_ID = f"^{AGGREGATE_ID_PATTERN.pattern}$"


class Notebook(HookProvider):
    """What the tools of one message know: whose it is, what that person wrote, what the model has read."""

    def __init__(
        self, memory: LongTermMemory, user: str, question: str, before: Sequence[Message] = ()
    ) -> None:
        self.memory = memory
        self.user = user
        texts = [block["text"] for message in before for block in _said(message) if "text" in block]
        self._said = [plain(text) for text in (*texts, question)]
        self.has_read = False
        """Whether another tool has returned something for this message."""

    def is_own(self, words: str) -> bool:
        """Whether the person wrote this, word for word."""
        return any(plain(words) in said for said in self._said)

    @override
    def register_hooks(self, registry: HookRegistry, **kwargs: Any) -> None:
        """See `HookProvider.register_hooks`."""
        del kwargs
        registry.add_callback(AfterToolCallEvent, self._after_tool)

    def _after_tool(self, event: AfterToolCallEvent) -> None:
        if event.tool_use["name"] not in NOTE_TOOLS:
            self.has_read = True


class RememberArguments(Arguments):
    """Arguments of `remember`."""

    words: str = Field(
        min_length=1,
        max_length=NOTE_CHARACTERS_MAX,
        pattern=r"\S",
        description=(
            "What to keep, in the person's own words: a passage of their message, copied word for word, "
            "which can be understood on its own"
        ),
    )


class ForgetArguments(Arguments):
    """Arguments of `forget`."""

    note_id: str = Field(pattern=NOTE_ID, description="The id of one of the notes that you were shown")


class NoteTool[A: Arguments](Tool[A]):
    """A tool that changes the notes of the person who wrote."""

    def __init__(self, notebook: Notebook) -> None:
        super().__init__()
        self._notebook = notebook

    async def change[**P, T](self, change: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a change of the notes returns; ToolFailedError when a store does not answer."""
        try:
            return await run_in_threadpool(change, *args, **kwargs)
        except FAILURES as error:
            message = "the memory is not available at the moment, and nothing was changed"
            raise ToolFailedError(message) from error


class Remember(NoteTool[RememberArguments]):
    """Keeps what the person said."""

    name = "remember"
    description = (
        "Remember what the person says about themselves or wants you to keep in mind for later "
        "conversations: a name, a preference, a plan. Use it when they ask you to remember or keep something."
    )
    arguments = RememberArguments

    @override
    async def run(self, arguments: RememberArguments) -> dict[str, Any]:
        """Keep a note, and let it be found by its meaning soon."""
        notebook = self._notebook
        if not notebook.is_own(arguments.words):
            message = "only what the person wrote in this conversation is kept, copied word for word"
            raise ToolFailedError(message)
        notes = notebook.memory.notes
        try:
            note = await self.change(notes.keep, notebook.user, arguments.words)
        except PersonErasedError as error:
            message = "nothing is kept for an account that was erased"
            raise ToolFailedError(message) from error
        except NotesFullError as error:
            message = f"{NOTES_MAX} notes are kept, as many as there may be; one has to be forgotten first"
            raise ToolFailedError(message) from error
        notebook.memory.index(notebook.user, [note.id])
        return {"kept": note.model_dump(mode="json")}


class Forget(NoteTool[ForgetArguments]):
    """Removes a note."""

    name = "forget"
    description = (
        "Forget one of the notes that you were shown, for good. Use it only when the person asks you to "
        "forget it, or corrects it."
    )
    arguments = ForgetArguments

    @override
    async def run(self, arguments: ForgetArguments) -> dict[str, Any]:
        """Remove a note of the person."""
        notebook = self._notebook
        if notebook.has_read:
            message = "nothing is forgotten after other tools were used; ask the person to say it alone"
            raise ToolFailedError(message)
        try:
            await self.change(notebook.memory.notes.forget, notebook.user, arguments.note_id)
        except NoSuchNoteError as error:
            message = "there is no such note"
            raise ToolFailedError(message) from error
        return {"forgotten": arguments.note_id}


NOTE_TOOLS: dict[str, type[NoteTool[Any]]] = {tool.name: tool for tool in (Remember, Forget)}


def _said(message: Message) -> Sequence[dict[str, Any]]:
    return message["content"] if message["role"] == "user" else ()
