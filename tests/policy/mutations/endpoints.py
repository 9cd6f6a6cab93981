"""What must not be done to endpoints."""

import json

from tests.policy.mutation import Mutation, altered, removed

ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
S3 = (ENDPOINT, "com.amazonaws.us-east-1.s3")
REGISTRY = (ENDPOINT, "nova-vpc-endpoints-ecr-dkr")
VPC = ("aws:ec2/vpc:Vpc", "nova-vpc-network")
NAMES = "ec2-vpcendpoint-private-names"
POLICY = "ec2-vpcendpoint-policy"
FULL_ACCESS = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}

MUTATIONS = (
    Mutation(
        rule="ec2-vpc-gateway-endpoints", what="there is no endpoint for S3",
        change=removed(*S3), at=VPC, unknown=(*S3, "serviceName"),
    ),
    Mutation(
        rule="ec2-vpc-interface-endpoints", what="there is no endpoint for images",
        change=removed(*REGISTRY), at=VPC, unknown=(*REGISTRY, "serviceName"),
    ),
    altered(NAMES, "it is reached by its own name alone", (*REGISTRY, "privateDnsEnabled"), False,
            needs=("vpcEndpointType",)),
    altered(NAMES, "the default group guards it", (*REGISTRY, "securityGroupIds"), None,
            needs=("vpcEndpointType",)),
    altered(POLICY, "it has no policy", (*S3, "policy"), None, needs=("serviceName",)),
    altered(POLICY, "everybody may do everything", (*S3, "policy"), json.dumps(FULL_ACCESS)),
)  # fmt: skip
