"""What each type of resource costs while nobody uses it: how many of which price, or why nothing.

A type is in exactly one of the two tables; a new one that is in neither stops `nova cost`, and a test. How
many there are is counted by the policy pack, which counts for any program.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nova_policy.fixed_costs import COUNTED, counts
from nova_policy.graph import Resource

from cli.errors import NovaError
from cli.policies import graph_of
from cli.prices import price_table

if TYPE_CHECKING:
    from evaluation.program import Deployment
    from evaluation.recorder import Recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """So many of a price, all month."""

    price: str
    count: float


class Charges:
    """What the resources of a deployment cost while idle."""

    def __init__(self, deployment: "Deployment") -> None:
        """Look what there is; what a remote component consists of is paid for as the component."""
        self._graph = graph_of(deployment)
        self._parts: defaultdict[str, list[Resource]] = defaultdict(list)
        for found in self._graph.resources:
            owner = found
            while owner.urn not in deployment.resources:
                owner = self._graph.by_urn[owner.parent]
            self._parts[owner.urn].append(found)

    def of(self, resource: "Recorded") -> tuple[Charge, ...]:
        """Return what ``resource`` costs; raises ``NovaError`` for a type that nobody has priced."""
        if resource.type not in PRICED:
            if resource.type.startswith(("nova:", "pulumi:")) or resource.type in FREE:
                return ()
            raise NovaError(
                f"{resource.type} has no price: have policy/src/nova_policy/fixed_costs.py count it, or give "
                "it a reason in FREE of cli/charges.py"
            )
        return tuple(
            Charge(price=kind, count=count)
            for part in self._parts[resource.urn]
            for kind, count in counts(self._graph, part)
        )

    def monthly_usd(self, resource: "Recorded", region: str) -> float:
        """Return what ``resource`` costs in ``region`` in an idle month, in USD, before what is free."""
        table = price_table()
        total = 0.0
        for charge in self.of(resource):
            price = table.of(charge.price)
            total += charge.count * price.usd[region] * (table.hours_a_month if price.unit == "hour" else 1)
        return total


NETWORK = "awsx:ec2:Vpc"
PRICED = frozenset({*COUNTED, NETWORK})
"""The types that cost something while idle: those that are counted, and components that consist of such."""

_BY_REASON: Mapping[str, tuple[str, ...]] = {
    "charged by request, and by what is stored": (
        "aws:apigateway/restApi:RestApi",
        "aws:apigateway/stage:Stage",
        "aws:cloudfront/distribution:Distribution",
        "aws:cloudfront/function:Function",
        "aws:cloudwatch/eventArchive:EventArchive",
        "aws:cloudwatch/eventBus:EventBus",
        "aws:cloudwatch/eventRule:EventRule",
        "aws:cloudwatch/eventTarget:EventTarget",
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:cognito/userPool:UserPool",
        "aws:cognito/userPoolClient:UserPoolClient",
        "aws:dynamodb/table:Table",
        "aws:ec2/flowLog:FlowLog",
        "aws:lambda/function:Function",
        "aws:pipes/pipe:Pipe",
        "aws:s3/bucket:Bucket",
        "aws:s3/vectorsIndex:VectorsIndex",
        "aws:s3/vectorsVectorBucket:VectorsVectorBucket",
        "aws:sns/topic:Topic",
        "aws:sqs/queue:Queue",
        "awsx:ecr:Repository",
    ),
    "a part or a rule of something that is priced itself": (
        "aws:apigateway/authorizer:Authorizer",
        "aws:apigateway/deployment:Deployment",
        "aws:apigateway/integration:Integration",
        "aws:apigateway/method:Method",
        "aws:apigateway/methodSettings:MethodSettings",
        "aws:apigateway/resource:Resource",
        "aws:apigateway/response:Response",
        "aws:cloudfront/originRequestPolicy:OriginRequestPolicy",
        "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy",
        "aws:appautoscaling/target:Target",
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:ecr/repositoryPolicy:RepositoryPolicy",
        "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders",
        "aws:ecs/taskDefinition:TaskDefinition",
        "aws:elasticache/parameterGroup:ParameterGroup",
        "aws:elasticache/subnetGroup:SubnetGroup",
        "aws:elasticache/user:User",
        "aws:elasticache/userGroup:UserGroup",
        "aws:elasticache/userGroupAssociation:UserGroupAssociation",
        "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
        "aws:lambda/functionUrl:FunctionUrl",
        "aws:lambda/permission:Permission",
        "aws:lb/listener:Listener",
        "aws:lb/listenerRule:ListenerRule",
        "aws:lb/targetGroup:TargetGroup",
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "aws:s3/bucketLogging:BucketLogging",
        "aws:s3/bucketNotification:BucketNotification",
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        "aws:s3/bucketPolicy:BucketPolicy",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "aws:s3/bucketVersioning:BucketVersioning",
        "aws:secretsmanager/secretPolicy:SecretPolicy",
        "aws:secretsmanager/secretVersion:SecretVersion",
        "aws:servicediscovery/service:Service",
        "aws:sns/topicPolicy:TopicPolicy",
        "aws:sns/topicSubscription:TopicSubscription",
        "aws:sqs/queuePolicy:QueuePolicy",
        "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy",
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    ),
    "AWS charges nothing for it": (
        "aws:apigatewayv2/vpcLink:VpcLink",
        "aws:budgets/budget:Budget",
        "aws:cloudfront/vpcOrigin:VpcOrigin",
        "aws:iam/role:Role",
        "aws:iam/rolePolicy:RolePolicy",
    ),
    "paid by use: sessions, deliveries, traces, queries and stored copies": (
        "aws:backup/plan:Plan",
        "aws:backup/selection:Selection",
        "aws:backup/vault:Vault",
        "aws:backup/vaultLockConfiguration:VaultLockConfiguration",
        "aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime",
        "aws:bedrock/agentcoreAgentRuntimeEndpoint:AgentcoreAgentRuntimeEndpoint",
        "aws:bedrock/guardrail:Guardrail",
        "aws:bedrock/guardrailVersion:GuardrailVersion",
        "aws:bedrock/inferenceProfile:InferenceProfile",
        "aws:cloudwatch/logDelivery:LogDelivery",
        "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination",
        "aws:cloudwatch/logDeliverySource:LogDeliverySource",
        "aws:cloudwatch/queryDefinition:QueryDefinition",
        "aws:xray/samplingRule:SamplingRule",
    ),
    "not priced by AWS: certificates, records in a zone that exists, and rules of what is": (
        "aws:acm/certificate:Certificate",
        "aws:acm/certificateValidation:CertificateValidation",
        "aws:apigateway/requestValidator:RequestValidator",
        "aws:route53/record:Record",
        "aws:wafv2/webAclAssociation:WebAclAssociation",
        "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
        "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration",
    ),
    "nothing in AWS": (
        "docker:index/image:Image",
        "random:index/randomPassword:RandomPassword",
    ),
}

FREE: Mapping[str, str] = {kind: reason for reason, kinds in _BY_REASON.items() for kind in kinds}
"""The types that cost nothing while idle, each with the reason."""
