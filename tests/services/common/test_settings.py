"""The environment is read once, and what is wrong is named all at once."""

import pytest
from nova_audio.settings import ApiSettings, WorkerSettings
from nova_common.settings import SettingsError
from nova_projector.settings import ApiSettings as QuerySettings
from nova_projector.settings import WorkerSettings as ProjectorSettings
from nova_search.settings import ApiSettings as SearchSettings
from nova_search.settings import WorkerSettings as IndexerSettings

ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_abc"
API = {
    "SERVICE_NAME": "audio",
    "USER_POOL_ISSUER": ISSUER,
    "USER_POOL_CLIENT_ID": "client",
    "AWS_REGION": "eu-west-1",
    "EVENT_STORE_TABLE": "events",
    "DATA_KEYS_TABLE": "keys",
    "DATA_KEYS_WRAPPING_KEY": "arn:aws:kms:eu-west-1:123456789012:key/personal",
    "CONTENT_BUCKET": "content",
    "LIVE_TABLE": "leases",
}
WORKER = {
    "SERVICE_NAME": "audio-worker",
    "AWS_DEFAULT_REGION": "us-east-1",
    "EVENT_STORE_TABLE": "events",
    "CONTENT_BUCKET": "content",
    "QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/audio",
    "CONTENT_KEY_ARN": "arn:aws:kms:us-east-1:123456789012:key/content",
    "TRANSCRIPTION_JOB_PREFIX": "nova-dev-0123abcd",
    "SPEAKERS_MAX": "10",
    "SENTIMENT_MODEL": "amazon.nova-2-lite-v1:0",
}

SEARCH = {
    "SERVICE_NAME": "search",
    "USER_POOL_ISSUER": ISSUER,
    "USER_POOL_CLIENT_ID": "client",
    "AWS_REGION": "eu-west-1",
    "VECTOR_BUCKET": "vectors",
    "VECTOR_INDEX": "search-1024",
    "EMBEDDING_MODEL": "amazon.nova-2-multimodal-embeddings-v1:0",
    "EMBEDDING_REGION": "us-east-1",
    "EMBEDDING_DIMENSION": "1024",
    "EVENT_STORE_TABLE": "events",
    "CONTENT_BUCKET": "content",
    "DATA_KEYS_TABLE": "keys",
    "DATA_KEYS_WRAPPING_KEY": "arn:aws:kms:eu-west-1:123456789012:key/personal",
}


def test_defaults_and_derived_values() -> None:
    settings = ApiSettings.from_env(API)
    server = settings.server
    assert (server.host, server.port, server.log_level) == ("0.0.0.0", 8000, "INFO")  # noqa: S104
    assert settings.identity.jwks_url == f"{ISSUER}/.well-known/jwks.json"
    assert settings.region == "eu-west-1"
    assert WorkerSettings.from_env(WORKER).region == "us-east-1"


def test_given_values_win() -> None:
    given = {
        "HOST": "127.0.0.1",
        "PORT": "8123",
        "LOG_LEVEL": "debug",
        "NOVA_JWKS_URL": "http://127.0.0.1:4566/pool/.well-known/jwks.json",
        "USER_POOL_ISSUER": ISSUER + "/",
    }
    settings = ApiSettings.from_env(API | given)
    server = settings.server
    assert (server.host, server.port, server.log_level) == ("127.0.0.1", 8123, "DEBUG")
    assert settings.identity.jwks_url == given["NOVA_JWKS_URL"]
    assert settings.identity.issuer == ISSUER


@pytest.mark.parametrize(
    ("read", "names"),
    [
        (
            ApiSettings.from_env,
            "SERVICE_NAME USER_POOL_ISSUER USER_POOL_CLIENT_ID DATA_KEYS_TABLE AWS_REGION EVENT_STORE_TABLE "
            "DATA_KEYS_WRAPPING_KEY CONTENT_BUCKET LIVE_TABLE",
        ),
        (
            WorkerSettings.from_env,
            "SERVICE_NAME AWS_REGION EVENT_STORE_TABLE CONTENT_BUCKET CONTENT_KEY_ARN QUEUE_URL "
            "TRANSCRIPTION_JOB_PREFIX SPEAKERS_MAX SENTIMENT_MODEL",
        ),
        (
            QuerySettings.from_env,
            "SERVICE_NAME USER_POOL_ISSUER USER_POOL_CLIENT_ID DATA_KEYS_TABLE AWS_REGION READ_MODEL_TABLE",
        ),
        (
            ProjectorSettings.from_env,
            "SERVICE_NAME AWS_REGION EVENT_STORE_TABLE DATA_KEYS_TABLE DATA_KEYS_WRAPPING_KEY "
            "READ_MODEL_TABLE QUEUE_URL",
        ),
        (
            SearchSettings.from_env,
            "SERVICE_NAME USER_POOL_ISSUER USER_POOL_CLIENT_ID DATA_KEYS_TABLE AWS_REGION "
            "VECTOR_BUCKET VECTOR_INDEX EMBEDDING_MODEL EMBEDDING_REGION EMBEDDING_DIMENSION "
            "EVENT_STORE_TABLE CONTENT_BUCKET DATA_KEYS_WRAPPING_KEY",
        ),
        (
            IndexerSettings.from_env,
            "SERVICE_NAME AWS_REGION VECTOR_BUCKET VECTOR_INDEX EMBEDDING_MODEL EMBEDDING_REGION "
            "EMBEDDING_DIMENSION EVENT_STORE_TABLE CONTENT_BUCKET QUEUE_URL",
        ),
    ],
)
def test_all_that_is_missing_is_named_at_once(read: object, names: str) -> None:
    assert callable(read)
    with pytest.raises(SettingsError) as caught:
        read({})
    missing = [part.removesuffix(" is not set") for part in str(caught.value).partition(": ")[2].split("; ")]
    assert sorted(missing) == sorted(names.split())


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PORT", "eighty", "PORT is 'eighty', allowed are 1 to 65535"),
        ("PORT", "0", "PORT is '0'"),
        ("PORT", "70000", "PORT is '70000'"),
        ("LOG_LEVEL", "chatty", "LOG_LEVEL is 'CHATTY', allowed are DEBUG"),
        ("USER_POOL_ISSUER", "cognito", "USER_POOL_ISSUER is 'cognito'"),
        ("NOVA_JWKS_URL", "file:///etc/passwd", "NOVA_JWKS_URL is 'file:///etc/passwd'"),
        ("CONTENT_BUCKET", "  ", "CONTENT_BUCKET is not set"),
    ],
)
def test_impossible_values_are_named_with_what_is_allowed(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        ApiSettings.from_env(API | {name: value})


def test_the_region_of_the_embedding_model_is_its_own() -> None:
    settings = SearchSettings.from_env(SEARCH)
    assert (settings.region, settings.embedding.region) == ("eu-west-1", "us-east-1")
    assert settings.embedding.dimension == 1024
    assert (settings.vectors.bucket, settings.vectors.index) == ("vectors", "search-1024")


@pytest.mark.parametrize("value", ["512", "many", "1024.0", "-384", "１０２４"])  # noqa: RUF001 - digits too
def test_only_the_models_dimensions_are_allowed(value: str) -> None:
    message = f"EMBEDDING_DIMENSION is '{value}', allowed are 256, 384, 1024, 3072"
    with pytest.raises(SettingsError, match=message):
        SearchSettings.from_env(SEARCH | {"EMBEDDING_DIMENSION": value})


def test_a_job_prefix_has_a_limit() -> None:
    with pytest.raises(SettingsError, match="TRANSCRIPTION_JOB_PREFIX has 41 characters, allowed are 40"):
        WorkerSettings.from_env(WORKER | {"TRANSCRIPTION_JOB_PREFIX": "x" * 41})
