"""``AccountSettings``: the only reader of the account stack's configuration."""

import re
from dataclasses import dataclass
from functools import partial

import pulumi

from bootstrap.github import check_ref, check_repository
from bootstrap.names import PREVIEW, STATE
from components.data.replica_plan import check_replica_region
from components.observe.retention import check_retention
from settings.errors import SettingsError
from settings.settings import received_keys
from settings.values import Values, check_keys

KEYS = (
    "region",
    "home",
    "platform",
    "environments",
    "previews",
    "regions",
    "repository",
    "deployRef",
    "githubProvider",
    "logModelCalls",
    "logModelTexts",
    "traceIndexPercent",
    "inspectImages",
    "imageReplicas",
    "blockPublicBuckets",
    "costTags",
    "logRetentionDays",
    "recoveryDays",
    "stateVersionDays",
    "protect",
    "owner",
    "costCenter",
)
"""Every key that is read here; the project file declares exactly these."""

_NAME = re.compile(r"[a-z][a-z0-9]{0,19}")
_PROVIDER = r"(arn:aws[a-z-]*:iam::\d{12}:oidc-provider/token\.actions\.githubusercontent\.com)?"
# AWS limit of a tag's value; the characters are those allowed in all services.
_TAG_VALUE = r"[A-Za-z0-9 _.:/=+@-]{1,256}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSettings:
    """Who deploys what."""

    platform: str
    environments: tuple[str, ...]
    previews: tuple[str, ...]
    regions: tuple[str, ...]
    """Regions that deploy roles act in; the stack's own is among them."""
    repository: str
    """Empty for no pipelines."""
    deploy_ref: str
    provider: str
    """ARN of an OIDC provider that is there already; empty to make it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """Everything that the account stack decides."""

    region: str
    home: bool
    pipelines: PipelineSettings
    log_model_calls: bool
    log_model_texts: bool
    trace_index_percent: int
    inspect_images: bool
    image_replicas: tuple[str, ...]
    """Further regions in which this region's images are kept."""
    block_public_buckets: bool
    cost_tags: tuple[str, ...]
    log_retention_days: int
    recovery_days: int
    state_version_days: int
    protect: bool
    owner: str
    cost_center: str

    @classmethod
    def load(cls, config: pulumi.Config) -> "AccountSettings":
        """Read ``config``; raises ``SettingsError`` for an unknown key and for every value that cannot be."""
        declared = {f"{config.name}:{key}": None for key in KEYS}
        check_keys(config.name, declared, dict.fromkeys(received_keys()))
        texts = {f"{config.name}:{key}": text for key in KEYS if (text := config.get(key)) is not None}
        return cls.read(Values(project=config.name, texts=texts))

    @classmethod
    def read(cls, values: Values) -> "AccountSettings":
        """Read ``values``; raises ``SettingsError`` as ``load`` does."""
        region = values.region("region")
        days = values.integer("logRetentionDays", 1, 3653)
        values.check("logRetentionDays", days, lambda: check_retention(days))
        calls, texts = values.boolean("logModelCalls"), values.boolean("logModelTexts")
        if texts and not calls:
            raise SettingsError(values.key("logModelTexts"), texts, "it needs logModelCalls to be true")
        return cls(
            region=region,
            home=values.boolean("home"),
            pipelines=_pipelines(values, region),
            log_model_calls=calls,
            log_model_texts=texts,
            trace_index_percent=values.integer("traceIndexPercent", 0, 100),
            inspect_images=values.boolean("inspectImages"),
            image_replicas=_image_replicas(values, region),
            block_public_buckets=values.boolean("blockPublicBuckets"),
            cost_tags=_cost_tags(values),
            log_retention_days=days,
            recovery_days=values.integer("recoveryDays", 7, 30),
            state_version_days=values.integer("stateVersionDays", 30, 3650),
            protect=values.boolean("protect"),
            owner=values.matching("owner", _TAG_VALUE, "it is a tag value of 1 to 256 characters"),
            cost_center=values.matching("costCenter", _TAG_VALUE, "it is a tag value of 1 to 256 characters"),
        )


def _pipelines(values: Values, region: str) -> PipelineSettings:
    environments = _environments(values)
    previews = values.texts_of("previews")
    for preview in previews:
        if preview not in environments:
            allowed = f"it is one of the environments: {', '.join(environments)}"
            raise SettingsError(values.key("previews"), preview, allowed)
    repository, ref = values.text("repository"), values.text("deployRef")
    if repository:
        values.check("repository", repository, lambda: check_repository(repository))
    if ref:
        values.check("deployRef", ref, lambda: check_ref(ref))
    provider = values.matching(
        "githubProvider", _PROVIDER, "it is the ARN of a provider for GitHub, or empty"
    )
    platform = values.matching("platform", r"[a-z][a-z0-9-]{0,19}", "it is a project's name in lower case")
    if platform == STATE:
        allowed = "its buckets would be named as the state's own bucket is"
        raise SettingsError(values.key("platform"), platform, allowed)
    return PipelineSettings(
        platform=platform,
        environments=environments,
        previews=previews,
        regions=tuple(dict.fromkeys((region, *_regions(values, "regions")))),
        repository=repository,
        deploy_ref=ref,
        provider=provider,
    )


def _environments(values: Values) -> tuple[str, ...]:
    environments = values.texts_of("environments")
    for environment in environments:
        # Without hyphens: dev-eu would be a stack of dev and an environment at once.
        if _NAME.fullmatch(environment) is None or environments.count(environment) > 1:
            allowed = "each is given once, as up to 20 letters and digits in lower case"
            raise SettingsError(values.key("environments"), environment, allowed)
        if environment == PREVIEW:
            raise SettingsError(values.key("environments"), environment, "it is that of pull requests")
    return environments


def _regions(values: Values, key: str) -> tuple[str, ...]:
    regions = values.texts_of(key)
    for region in regions:
        if re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", region) is None:
            raise SettingsError(values.key(key), region, "it is an AWS region such as us-east-1")
    return regions


def _image_replicas(values: Values, region: str) -> tuple[str, ...]:
    replicas = _regions(values, "imageReplicas")
    for replica in replicas:
        values.check("imageReplicas", replica, partial(check_replica_region, region, replica))
        if replicas.count(replica) > 1:
            raise SettingsError(values.key("imageReplicas"), replica, "each region is given once")
    return replicas


def _cost_tags(values: Values) -> tuple[str, ...]:
    tags = values.texts_of("costTags")
    for tag in tags:
        if re.fullmatch(r"[A-Za-z0-9 _.:/=+@-]{1,128}", tag) is None or tags.count(tag) > 1:
            raise SettingsError(values.key("costTags"), tag, "each is given once, as a tag's key")
    return tags
