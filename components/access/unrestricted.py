"""The few actions that AWS authorizes without a resource; every other statement lists concrete resources."""

UNRESTRICTED_ACTIONS: dict[str, str] = {
    **dict.fromkeys(
        ("cloudwatch:GetMetricData", "events:ListRules", "s3:ListAllMyBuckets", "tag:GetResources"),
        "AWS Backup finds out with it what is selected and how large a bucket is, and the action has no "
        "resource type (managed policies AWSBackupServiceRolePolicyForBackup and ...ForS3Backup).",
    ),
    "cloudwatch:PutMetricData": "The action has no resource type; statements limit it to one namespace "
    "(Service Authorization Reference, Amazon CloudWatch).",
    "ecr:GetAuthorizationToken": "A registry token is issued for the whole account; pulls are limited by the "
    "repository in the actions that use it (Service Authorization Reference, Amazon ECR).",
    **dict.fromkeys(
        (
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeRules",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetHealth",
        ),
        "Elastic Load Balancing authorizes no description by resource (Service Authorization Reference); ECS "
        "looks at health while it shifts requests, and may change the rules of one service only.",
    ),
    "logs:DescribeLogGroups": "Flow logs look their group up by name, and the action has no resource; "
    "writing is limited to the group (VPC user guide, role for flow logs).",
    **dict.fromkeys(
        (
            "xray:GetSamplingRules",
            "xray:GetSamplingTargets",
            "xray:PutSpans",
            "xray:PutTelemetryRecords",
            "xray:PutTraceSegments",
        ),
        "Traces belong to the account, and these actions have no resource (Service Authorization Reference, "
        "AWS X-Ray).",
    ),
    "transcribe:StartTranscriptionJob": "The action has no resource type (Service Authorization Reference, "
    "Amazon Transcribe); what a job reads and writes is limited by the caller's own rights on the bucket.",
}
"""Action to the reason why ``Resource: *`` is right for it."""
