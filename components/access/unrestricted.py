"""The few actions that AWS authorizes without a resource; every other statement lists concrete resources."""

UNRESTRICTED_ACTIONS: dict[str, str] = {
    "ecr:GetAuthorizationToken": "A registry token is issued for the whole account; pulls are limited by the "
    "repository in the actions that use it (Service Authorization Reference, Amazon ECR).",
    "logs:DescribeLogGroups": "Flow logs look their group up by name, and the action has no resource; "
    "writing is limited to the group (VPC user guide, role for flow logs).",
    "transcribe:StartTranscriptionJob": "The action has no resource type (Service Authorization Reference, "
    "Amazon Transcribe); what a job reads and writes is limited by the caller's own rights on the bucket.",
}
"""Action to the reason why ``Resource: *`` is right for it."""
