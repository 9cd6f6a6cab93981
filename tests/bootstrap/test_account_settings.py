"""The account stack's settings: what it declares, and what it refuses."""

import pytest

from bootstrap.settings import KEYS, AccountSettings
from settings.errors import SettingsError
from settings.project import project_schema
from settings.values import Values
from tests.bootstrap.account import FOLDER, PROJECT, account_config, account_stack


def read(**overrides: object) -> AccountSettings:
    return AccountSettings.read(Values(project=PROJECT, texts=account_config(**overrides)))


def test_the_project_file_declares_exactly_what_is_read() -> None:
    schema = project_schema(FOLDER)
    assert set(schema.config) == {f"{PROJECT}:{key}" for key in KEYS}
    assert all(len(declared.description) > 15 for declared in schema.config.values())


def test_the_defaults_keep_texts_out_of_logs_and_need_no_pipeline() -> None:
    settings = read()
    assert (settings.log_model_calls, settings.log_model_texts) == (True, False)
    assert settings.pipelines.repository == ""
    assert settings.protect
    assert settings.home


def test_the_stacks_region_is_one_that_is_deployed_to() -> None:
    pipelines = read(region="eu-west-1", regions=["eu-central-1", "eu-west-1"]).pipelines
    assert pipelines.regions == ("eu-west-1", "eu-central-1")


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("region", "Frankfurt", "us-east-1"),
        ("home", "yes", "true or false"),
        ("platform", "No_va", "lower case"),
        ("platform", "state", "the state's own bucket"),
        ("environments", ["dev", "dev"], "given once"),
        ("environments", ["dev-eu"], "letters and digits"),
        ("environments", ["preview"], "pull requests"),
        ("previews", ["stage"], "one of the environments: dev, prod"),
        ("regions", ["europe"], "us-east-1"),
        ("imageReplicas", ["europe"], "us-east-1"),
        ("imageReplicas", ["us-east-1"], "another region than the stack's own"),
        ("imageReplicas", ["cn-north-1"], "between its partitions"),
        ("imageReplicas", ["us-west-2", "us-west-2"], "given once"),
        ("repository", "platform", "owner/name"),
        ("repository", "example/*", "owner/name"),
        ("repository", "example@1/platform", "both ids"),
        ("repository", "example/platform:environment:prod", "owner/name"),
        ("deployRef", "main", "refs/heads/main"),
        ("deployRef", "refs/heads/*", "refs/heads/main"),
        ("githubProvider", "arn:aws:iam::1:oidc-provider/example.com", "provider for GitHub"),
        ("logModelTexts", "maybe", "true or false"),
        ("traceIndexPercent", 101, "between 0 and 100"),
        ("inspectImages", "weekly", "true or false"),
        ("blockPublicBuckets", "no", "true or false"),
        ("costTags", ["stack", "stack"], "given once"),
        ("costTags", [""], "a tag's key"),
        ("logRetentionDays", 31, "30, 60, 90"),
        ("recoveryDays", 6, "between 7 and 30"),
        ("stateVersionDays", 1, "between 30 and 3650"),
        ("protect", "1", "true or false"),
        ("owner", "", "1 to 256"),
        ("costCenter", "a" * 257, "1 to 256"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(key: str, value: object, allowed: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(**{key: value})
    assert str(caught.value).startswith(f"{PROJECT}:{key}: ")
    assert allowed in str(caught.value)


def test_texts_are_not_logged_without_calls() -> None:
    with pytest.raises(SettingsError, match="logModelTexts: True is not allowed; it needs logModelCalls"):
        read(logModelCalls=False, logModelTexts=True)


@pytest.mark.parametrize("repository", ["example/platform", "example@1/platform@22", "a/b.c_d-e"])
def test_a_repository_is_named_as_its_tokens_do(repository: str) -> None:
    assert read(repository=repository).pipelines.repository == repository


def test_a_key_that_nothing_reads_is_refused() -> None:
    with pytest.raises(SettingsError, match="no such key in project nova-account"):
        account_stack(spelling="wrong")
