"""The environment of a task, right and wrong."""

import pytest
from nova_agent_core.settings import ApiSettings
from nova_common.settings import SettingsError


def test_a_complete_environment(variables: dict[str, str]) -> None:
    settings = ApiSettings.from_env(variables)
    assert settings.heartbeat_seconds == 15
    assert settings.memory is not None
    assert settings.memory.username == "agent-core"
    assert settings.model_region == "us-west-2"
    assert variables["REDIS_PASSWORD"] not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("REDIS_URL", "", "REDIS_URL is not set"),
        ("REDIS_URL", "redis://cache:6379", "REDIS_URL does not start with rediss://"),
        ("REDIS_URL", "rediss://", "REDIS_URL does not start with rediss:// and a host"),
        ("REDIS_URL", "rediss://me:secret@cache:6379", "REDIS_URL holds credentials"),
        ("REDIS_PASSWORD", "", "REDIS_PASSWORD is not set"),
        ("SEARCH_URL", "search", "SEARCH_URL is 'search'"),
        ("MODEL_ID", "", "MODEL_ID is not set"),
        ("MODEL_NAME", "", "MODEL_NAME is not set"),
        ("BEHAVIOUR", "", "BEHAVIOUR is not set"),
        ("VECTOR_INDEX", "", "VECTOR_INDEX is not set"),
        ("EMBEDDING_DIMENSION", "7", "EMBEDDING_DIMENSION is '7'"),
        ("QUOTA_USD_PER_MONTH", "", "QUOTA_USD_PER_MONTH is not set"),
        ("QUOTA_USD_PER_MONTH", "-1", "QUOTA_USD_PER_MONTH is '-1', allowed are 0 to 1000000"),
        ("QUOTA_USD_PER_MONTH", "1000001", "allowed are 0 to 1000000"),
        ("QUOTA_USD_PER_MONTH", "2.5", "QUOTA_USD_PER_MONTH is '2.5'"),
        ("HEARTBEAT_SECONDS", "0", "HEARTBEAT_SECONDS is '0'"),
        ("HEARTBEAT_SECONDS", "31", "allowed are 1 to 30"),
        ("HEARTBEAT_SECONDS", "-5", "HEARTBEAT_SECONDS is '-5'"),
        ("HEARTBEAT_SECONDS", "soon", "HEARTBEAT_SECONDS is 'soon'"),
    ],
)
def test_what_is_wrong_is_named(variables: dict[str, str], name: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        ApiSettings.from_env(variables | {name: value})
    assert said in str(refused.value)
    assert "secret" not in str(refused.value)
