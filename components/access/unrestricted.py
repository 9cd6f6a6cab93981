"""The few actions that AWS authorizes without a resource; every other statement lists concrete resources."""

UNRESTRICTED_ACTIONS: dict[str, str] = {
    "ecr:GetAuthorizationToken": "A registry token is issued for the whole account; pulls are limited by the "
    "repository in the actions that use it (Service Authorization Reference, Amazon ECR).",
}
"""Action to the reason why ``Resource: *`` is right for it."""
