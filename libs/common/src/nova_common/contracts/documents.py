"""How events refer to what is too large or too personal for them: a document in the content bucket."""

from pydantic import BaseModel, ConfigDict, Field


class DocumentReference(BaseModel):
    """Where a document is: exactly this version, with exactly this content (sha256 in hex)."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    key: str
    version_id: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
