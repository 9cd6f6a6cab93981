"""References to secrets in variables, and what is said when they cannot be read."""

import pytest
from nova_common import aws
from nova_common.secret_values import with_secrets
from nova_common.settings import SettingsError

from tests.services.support.tables import REGION


@pytest.fixture
def reference(cloud: None) -> str:
    """A secret of two versions: the reference names the older."""
    del cloud
    client = aws.secretsmanager(REGION)
    made = client.create_secret(Name="password", SecretString="older")
    client.put_secret_value(SecretId="password", SecretString="newer")
    return f"{made['ARN']}:::{made['VersionId']}"


def test_the_version_that_is_named_is_read(reference: str) -> None:
    given = {"DOOR_PASSWORD_SECRET": reference, "PORT": "8080"}
    assert with_secrets(given) == {"DOOR_PASSWORD": "older", "PORT": "8080"}
    assert "DOOR_PASSWORD_SECRET" in given


def test_nothing_is_asked_without_references() -> None:
    assert with_secrets({"PORT": "8080", "SECRET": "a word"}) == {"PORT": "8080", "SECRET": "a word"}


def test_everything_that_fails_is_named_at_once_and_no_value_with_it(reference: str) -> None:
    missing = reference.replace("secret:password", "secret:nothing")
    with pytest.raises(SettingsError) as refused:
        with_secrets({"A_SECRET": reference, "B_SECRET": missing, "C_SECRET": "in plain text"})
    assert str(refused.value) == (
        "B_SECRET cannot be read: ResourceNotFoundException; "
        "C_SECRET cannot be read: it is not <ARN of a secret>:::<version id>"
    )
