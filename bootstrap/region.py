"""Settings that AWS keeps once per account and region.

Creates: API Gateway's role for CloudWatch; the destination of traces, what lets X-Ray and log deliveries
write them, and their indexing; the scanning of images; and, where they are on, the logs of model calls with
their key and role.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.access.role import ServiceRole, ServiceRoleArgs
from components.access.statements import ResourceStatement, Statement, document, trust
from components.account import Account
from components.data.key_policies import delegation, log_service
from components.observe.logs import LogPolicy

API_GATEWAY_POLICY = "service-role/AmazonAPIGatewayPushToCloudWatchLogs"
"""API Gateway checks its role for the rights in this policy, on all log groups, and refuses another."""
MODEL_LOG_STREAM = "aws/bedrock/modelinvocations"
"""The one stream that Bedrock writes to (Bedrock user guide, model invocation logging)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionDefaultsArgs:
    """What holds for the whole region; raises ``ValueError`` for a share that is none."""

    account: Account
    trace_index_percent: int
    inspect_images: bool
    """Whether Amazon Inspector scans images again as new findings come; on push only, and free, otherwise."""
    log_model_calls: bool
    """Whether Bedrock logs who called which model with how many tokens."""
    log_model_texts: bool
    """Whether it logs prompts and answers too."""
    log_retention_days: int
    recovery_days: int
    protect: bool

    def __post_init__(self) -> None:
        """Check what AWS would refuse."""
        if not 0 <= self.trace_index_percent <= 100:  # noqa: PLR2004 (per cent)
            raise ValueError(f"trace_index_percent: {self.trace_index_percent} is not allowed; 0 to 100 is")
        if self.log_model_texts and not self.log_model_calls:
            raise ValueError("log_model_texts: True is not allowed without log_model_calls")


class RegionDefaults(pulumi.ComponentResource):
    """What all platforms of an account share in a region.

    Destroying it takes logs of model calls away, puts scanning back to basic and API Gateway's role to none;
    the destination of traces and their indexing stay as they are: AWS has no request that removes them.
    """

    def __init__(
        self, name: str, args: RegionDefaultsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("nova:bootstrap:RegionDefaults", name, None, opts)
        self._label = name
        self._child = pulumi.ResourceOptions(parent=self)
        self._api_gateway(args.account)
        self._traces(args)
        self._scanning(args)
        if args.log_model_calls:
            self._model_logs(args)
        self.register_outputs({})

    def _api_gateway(self, account: Account) -> None:
        role = aws.iam.Role(
            f"{self._label}-api-gateway-role",
            # Without conditions on the account: API Gateway names none when it takes on a role
            # (aws-solutions-library-samples/accelerated-intelligent-document-processing-on-aws, issue 479).
            assume_role_policy=trust("apigateway.amazonaws.com", {}),
            opts=self._child,
        )
        policy = aws.iam.RolePolicyAttachment(
            f"{self._label}-api-gateway-policy",
            role=role.name,
            policy_arn=pulumi.Output.concat(
                "arn:", account.partition, ":iam::aws:policy/", API_GATEWAY_POLICY
            ),
            opts=self._child,
        )
        aws.apigateway.Account(
            f"{self._label}-api-gateway",
            cloudwatch_role_arn=role.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )

    def _traces(self, args: RegionDefaultsArgs) -> None:
        label = pulumi.get_project()
        policy = aws.cloudwatch.LogResourcePolicy(
            f"{self._label}-traces-to-logs",
            policy_name=f"{label}-traces",
            policy_document=document((_spans(args.account),)),
            opts=self._child,
        )
        destination = aws.xray.TraceSegmentDestination(
            f"{self._label}-traces",
            destination="CloudWatchLogs",
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        aws.xray.IndexingRule(
            f"{self._label}-trace-index",
            name="Default",
            rule=aws.xray.IndexingRuleRuleArgs(
                probabilistic=aws.xray.IndexingRuleRuleProbabilisticArgs(
                    desired_sampling_percentage=float(args.trace_index_percent)
                )
            ),
            # The rule exists only where traces go to CloudWatch Logs.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[destination]),
        )
        aws.xray.ResourcePolicy(
            f"{self._label}-deliveries-to-traces",
            policy_name=f"{label}-deliveries",
            policy_document=document((_delivered_traces(args.account),)),
            opts=self._child,
        )

    def _scanning(self, args: RegionDefaultsArgs) -> None:
        everything = aws.ecr.RegistryScanningConfigurationRuleRepositoryFilterArgs(
            filter="*", filter_type="WILDCARD"
        )
        aws.ecr.RegistryScanningConfiguration(
            f"{self._label}-scanning",
            scan_type="ENHANCED" if args.inspect_images else "BASIC",
            rules=[
                aws.ecr.RegistryScanningConfigurationRuleArgs(
                    scan_frequency="CONTINUOUS_SCAN" if args.inspect_images else "SCAN_ON_PUSH",
                    repository_filters=[everything],
                )
            ],
            opts=self._child,
        )

    def _model_logs(self, args: RegionDefaultsArgs) -> None:
        label = f"{self._label}-model"
        key = aws.kms.Key(
            f"{label}-logs-key",
            description="Encrypts the logs of model calls",
            enable_key_rotation=True,
            deletion_window_in_days=args.recovery_days,
            policy=document((delegation(args.account), log_service(args.account))),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        group = LogPolicy(retention_days=args.log_retention_days, key_arn=key.arn).group(
            f"{label}-logs", self
        )
        role = ServiceRole(
            f"{label}-logs",
            ServiceRoleArgs(
                service="bedrock.amazonaws.com",
                account=args.account,
                source_arn=args.account.arn("bedrock", "*"),
            ),
            opts=self._child,
        )
        role.add(
            Statement(
                sid="WriteModelCalls",
                actions=("logs:CreateLogStream", "logs:PutLogEvents"),
                resources=(pulumi.Output.concat(group.arn, ":log-stream:", MODEL_LOG_STREAM),),
            )
        )
        aws.bedrockmodel.InvocationLoggingConfiguration(
            f"{label}-logging",
            logging_config=aws.bedrockmodel.InvocationLoggingConfigurationLoggingConfigArgs(
                cloudwatch_config=aws.bedrockmodel.InvocationLoggingConfigurationLoggingConfigCloudwatchConfigArgs(
                    log_group_name=group.name, role_arn=role.arn
                ),
                text_data_delivery_enabled=args.log_model_texts,
                # On unless said otherwise: pictures, videos and vectors are kept nowhere but in content.
                embedding_data_delivery_enabled=False,
                image_data_delivery_enabled=False,
                video_data_delivery_enabled=False,
            ),
            # Bedrock tries to write as soon as it is told where.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[role.seal()]),
        )


def _spans(account: Account) -> ResourceStatement:
    # CloudWatch user guide, "Enable Transaction Search": X-Ray writes spans and what is derived from them.
    return ResourceStatement(
        sid="XRayWritesSpans",
        effect="Allow",
        principals={"Service": "xray.amazonaws.com"},
        actions=("logs:PutLogEvents",),
        resources=(
            account.arn("logs", "log-group:aws/spans:*"),
            account.arn("logs", "log-group:/aws/application-signals/data:*"),
        ),
        conditions={
            "StringEquals": {"aws:SourceAccount": account.account_id},
            "ArnLike": {"aws:SourceArn": account.arn("xray", "*")},
        },
    )


def _delivered_traces(account: Account) -> ResourceStatement:
    # What an AgentCore runtime traces comes to X-Ray by a log delivery (CloudWatch Logs, vended logs).
    return ResourceStatement(
        sid="DeliveriesWriteTraces",
        effect="Allow",
        principals={"Service": "delivery.logs.amazonaws.com"},
        actions=("xray:PutTraceSegments",),
        resources=("*",),
        conditions={
            "StringEquals": {"aws:SourceAccount": account.account_id},
            "ForAllValues:ArnLike": {
                "logs:LogGeneratingResourceArns": [account.arn("bedrock-agentcore", "*")]
            },
            "ArnLike": {"aws:SourceArn": account.arn("logs", "delivery-source:*")},
        },
    )
