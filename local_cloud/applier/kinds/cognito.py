"""Cognito: user pools, their clients and resource servers."""

from collections.abc import Callable

from ..model import Call, Kind, NameRule, Properties, Resource, Setting, Text, addressed, placed

_POOL_RENAME = {"name": "PoolName", "schemas": "Schema", "tags": "UserPoolTags"}


def _pool_policies(operation: str) -> Callable[[Resource], Properties]:
    def extra(resource: Resource) -> Properties:
        policies: Properties = {}
        if password := resource.inputs.get("passwordPolicy"):
            policies["passwordPolicy"] = password
        if sign_in := resource.inputs.get("signInPolicy"):
            policies["signInPolicy"] = sign_in
        if not policies:
            return {}
        return {"Policies": placed(resource, "cognito-idp", operation, "Policies", policies)}

    return extra


def _pool_update(resource: Resource) -> Properties:
    return {"UserPoolId": resource.id, **_pool_policies("UpdateUserPool")(resource)}


def _pool_unprotect(resource: Resource) -> None:
    if resource.inputs.get("deletionProtection") == "ACTIVE":
        request = {"UserPoolId": resource.id, "DeletionProtection": "INACTIVE"}
        resource.cloud.call("cognito-idp", "UpdateUserPool", request)


_POOL_UPDATABLE = frozenset(
    {
        "accountRecoverySetting",
        "adminCreateUserConfig",
        "autoVerifiedAttributes",
        "deletionProtection",
        "deviceConfiguration",
        "emailConfiguration",
        "lambdaConfig",
        "mfaConfiguration",
        "passwordPolicy",
        "signInPolicy",
        "smsConfiguration",
        "userAttributeUpdateSettings",
        "userPoolAddOns",
        "userPoolTier",
        "verificationMessageTemplate",
    }
)
_POOL_UNSENT = frozenset({"passwordPolicy", "signInPolicy", "softwareTokenMfaConfiguration"})

USER_POOL = Kind(
    type="aws:cognito/userPool:UserPool",
    service="cognito-idp",
    name=NameRule(property="name", length_max=128, reusable=True),
    keeps="all its users",
    taggable=True,
    create_call=Call(
        operation="CreateUserPool",
        keys=(_POOL_UPDATABLE - _POOL_UNSENT)
        | {"name", "schemas", "tags", "usernameAttributes", "aliasAttributes", "usernameConfiguration"},
        rename=_POOL_RENAME,
        extra=_pool_policies("CreateUserPool"),
    ),
    update_call=Call(operation="UpdateUserPool", keys=_POOL_UPDATABLE - _POOL_UNSENT, extra=_pool_update),
    updatable=_POOL_UPDATABLE,
    settings=(
        Setting(
            keys={"softwareTokenMfaConfiguration"},
            set=Call(
                operation="SetUserPoolMfaConfig",
                keys={"softwareTokenMfaConfiguration", "mfaConfiguration"},
                extra=lambda resource: {"UserPoolId": resource.id},
            ),
        ),
    ),
    find_call=addressed("DescribeUserPool", UserPoolId="{id}"),
    delete_call=addressed("DeleteUserPool", UserPoolId="{id}"),
    before_delete=_pool_unprotect,
    id="UserPool.Id",
    outputs={
        "arn": "UserPool.Arn",
        "endpoint": Text("cognito-idp.{region}.amazonaws.com/{id}"),
    },
)

USER_POOL_CLIENT = Kind(
    type="aws:cognito/userPoolClient:UserPoolClient",
    service="cognito-idp",
    name=NameRule(property="name", length_max=128, reusable=True),
    create_call=Call(operation="CreateUserPoolClient", rename={"name": "ClientName"}),
    update_call=Call(
        operation="UpdateUserPoolClient",
        rename={"name": "ClientName"},
        extra=lambda resource: {"ClientId": resource.id},
    ),
    updatable={
        "accessTokenValidity",
        "allowedOauthFlows",
        "allowedOauthFlowsUserPoolClient",
        "allowedOauthScopes",
        "authSessionValidity",
        "callbackUrls",
        "enableTokenRevocation",
        "explicitAuthFlows",
        "idTokenValidity",
        "logoutUrls",
        "name",
        "preventUserExistenceErrors",
        "readAttributes",
        "refreshTokenValidity",
        "supportedIdentityProviders",
        "tokenValidityUnits",
        "writeAttributes",
    },
    find_call=addressed("DescribeUserPoolClient", UserPoolId="{userPoolId}", ClientId="{id}"),
    delete_call=addressed("DeleteUserPoolClient", UserPoolId="{userPoolId}", ClientId="{id}"),
    id="UserPoolClient.ClientId",
    outputs={"clientSecret": "UserPoolClient.ClientSecret"},
    ignored={"generateSecret", "enablePropagateAdditionalUserContextData"},
)

KINDS = (
    USER_POOL,
    USER_POOL_CLIENT,
)
