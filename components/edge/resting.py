"""What a distribution answers with while the stack sleeps.

Creates: a CloudFront function that answers every request with 503, so that no origin is asked.
"""

import json

import pulumi
import pulumi_aws as aws

from ..asleep import NOWHERE
from .behaviors import CachePolicy
from .routes import API_PREFIX

ORIGIN_ID = "nowhere"
_TITLE = "Service Unavailable"


def resting_origin() -> aws.cloudfront.DistributionOriginArgs:
    """Return the origin that a distribution has to have, and that nobody asks."""
    return aws.cloudfront.DistributionOriginArgs(
        origin_id=ORIGIN_ID,
        domain_name=NOWHERE,
        custom_origin_config=aws.cloudfront.DistributionOriginCustomOriginConfigArgs(
            http_port=80,
            https_port=443,
            origin_protocol_policy="https-only",
            origin_ssl_protocols=["TLSv1.2"],
        ),
    )


def resting_behavior(
    name: str, headers_policy_id: pulumi.Output[str], parent: pulumi.Resource
) -> aws.cloudfront.DistributionDefaultCacheBehaviorArgs:
    """Return the behavior of all paths; the function is a child of ``parent``."""
    function = aws.cloudfront.Function(
        f"{name}-resting",
        runtime="cloudfront-js-2.0",
        comment="Says that the stack sleeps",
        code=resting_code(pulumi.get_stack()),
        publish=True,
        opts=pulumi.ResourceOptions(parent=parent),
    )
    return aws.cloudfront.DistributionDefaultCacheBehaviorArgs(
        target_origin_id=ORIGIN_ID,
        viewer_protocol_policy="redirect-to-https",
        allowed_methods=["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"],
        cached_methods=["GET", "HEAD"],
        cache_policy_id=CachePolicy.DISABLED,
        response_headers_policy_id=headers_policy_id,
        compress=False,
        function_associations=[
            aws.cloudfront.DistributionDefaultCacheBehaviorFunctionAssociationArgs(
                event_type="viewer-request", function_arn=function.arn
            )
        ],
    )


def resting_code(stack: str) -> str:
    """Return the function's program: a problem document for callers of the API, a line of text for people."""
    detail = f"Stack {stack} sleeps. Whoever operates it wakes it with: nova wake --stack {stack}"
    problem = json.dumps({"type": "about:blank", "title": _TITLE, "status": 503, "detail": detail})
    return f"""\
function handler(event) {{
  var api = event.request.uri.indexOf({json.dumps(API_PREFIX + "/")}) === 0;
  return {{
    statusCode: 503,
    statusDescription: {json.dumps(_TITLE)},
    headers: {{
      'content-type': {{ value: api ? 'application/problem+json' : 'text/plain; charset=utf-8' }},
      'cache-control': {{ value: 'no-store' }}
    }},
    body: {{ encoding: 'text', data: api ? {json.dumps(problem)} : {json.dumps(detail)} }}
  }};
}}
"""
