"""Amazon Bedrock: guardrails and their versions."""

from ..model import After, Call, Kind, NameRule, Properties, Resource, addressed

_POLICIES = {
    "contentPolicyConfig": {"filtersConfigs": "filtersConfig", "tierConfigs": "tierConfig"},
    "sensitiveInformationPolicyConfig": {
        "piiEntitiesConfigs": "piiEntitiesConfig",
        "regexesConfigs": "regexesConfig",
    },
    "topicPolicyConfig": {"topicsConfigs": "topicsConfig"},
    "wordPolicyConfig": {"wordsConfigs": "wordsConfig", "managedWordListsConfigs": "managedWordListsConfig"},
}
"""What the provider names in the plural and the API does not; of a tier there is one."""
_PLAIN_KEYS = frozenset(
    ("name", "description", "blockedInputMessaging", "blockedOutputsMessaging", "kmsKeyArn")
)


def _policies(resource: Resource) -> Properties:
    """Return the policies as the API takes them."""
    policies: Properties = {}
    for key, names in _POLICIES.items():
        given: Properties = resource.inputs.get(key) or {}
        if given:
            policies[key] = {
                names[name]: value[0] if names[name] == "tierConfig" else value
                for name, value in given.items()
                if value
            }
    if resource.inputs.get("crossRegionConfig"):
        policies["crossRegionConfig"] = resource.inputs["crossRegionConfig"]
    return policies


def _changed(resource: Resource) -> Properties:
    return {"guardrailIdentifier": resource.id}


def _version_of(resource: Resource) -> Properties:
    """Name the guardrail by its id, which is the last part of its ARN."""
    return {"guardrailIdentifier": After("/").render(resource, str(resource.inputs["guardrailArn"]))}


def _version(resource: Resource) -> Properties:
    return {**_version_of(resource), "guardrailVersion": After(",").render(resource)}


_RENAMED = {"kmsKeyArn": "kmsKeyId"}
_GUARDRAIL = addressed("GetGuardrail", guardrailIdentifier="{id}")

GUARDRAIL = Kind(
    type="aws:bedrock/guardrail:Guardrail",
    service="bedrock",
    name=NameRule(property="name", length_max=50),
    taggable=True,
    create_call=Call(operation="CreateGuardrail", keys=_PLAIN_KEYS, rename=_RENAMED, extra=_policies),
    update_call=Call(
        operation="UpdateGuardrail", keys=_PLAIN_KEYS, rename=_RENAMED, extra=_changed, by_id=True
    ),
    # A policy that left the program would stay in MiniStack's draft (services/bedrock.py,
    # `_update_guardrail`): a change of policies makes another guardrail.
    updatable=_PLAIN_KEYS,
    find_call=_GUARDRAIL,
    delete_call=addressed("DeleteGuardrail", guardrailIdentifier="{id}"),
    id="guardrailId",
    outputs={"guardrailId": "guardrailId", "guardrailArn": "guardrailArn", "version": "version"},
)

VERSION = Kind(
    type="aws:bedrock/guardrailVersion:GuardrailVersion",
    service="bedrock",
    create_call=Call(operation="CreateGuardrailVersion", keys=frozenset(("description",)), extra=_version_of),
    find_call=Call(operation="GetGuardrail", keys=frozenset(), extra=_version, by_id=True),
    # Versions stay as long as their guardrail does, as the program asks for.
    ignored={"skipDestroy"},
    id="join(',', [guardrailId, version])",
    outputs={"version": "version"},
)

KINDS = (GUARDRAIL, VERSION)
