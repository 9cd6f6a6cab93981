"""What must not be done to distributions."""

from tests.policy.mutation import Mutation, Place, altered, both, removed, set_at

SITE = ("aws:cloudfront/distribution:Distribution", "nova-site-distribution")
HEADERS = ("aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy", "nova-site-headers")
LOG = ("aws:cloudwatch/logDeliverySource:LogDeliverySource", "nova-site-access")
CERTIFICATE: Place = (*SITE, "viewerCertificate")
DEFAULT: Place = (*SITE, "defaultCacheBehavior")
ORIGIN: Place = (*SITE, "origins", 0)
VIEWERS, HTTPS, ORIGINS = (
    "cloudfront-distribution-viewer-tls",
    "cloudfront-distribution-https",
    "cloudfront-distribution-origin-tls",
)
ACCESS, ADDED, HSTS = (
    "cloudfront-distribution-origin-access",
    "cloudfront-distribution-headers",
    "cloudfront-responseheaderspolicy-hsts",
)
HEADERS_MAX_AGE: Place = (*HEADERS, "securityHeadersConfig", "strictTransportSecurity")
BUCKET = "files.s3.us-east-1.amazonaws.com"

MUTATIONS = (
    altered(VIEWERS, "TLS 1.0 is admitted", (*CERTIFICATE, "minimumProtocolVersion"), "TLSv1"),
    altered(VIEWERS, "CloudFront's own certificate", CERTIFICATE, {"cloudfrontDefaultCertificate": True}),
    altered(HTTPS, "plain HTTP by default", (*DEFAULT, "viewerProtocolPolicy"), "allow-all"),
    altered(
        HTTPS, "plain HTTP for a path", (*SITE, "orderedCacheBehaviors", 1, "viewerProtocolPolicy"),
        "allow-all",
    ),
    altered(
        ORIGINS, "the origin is asked as the viewer asks",
        (*ORIGIN, "customOriginConfig", "originProtocolPolicy"), "match-viewer",
    ),
    altered(
        ORIGINS, "TLS 1.0 to the origin", (*ORIGIN, "customOriginConfig", "originSslProtocols"),
        ["TLSv1", "TLSv1.2"],
    ),
    Mutation(
        rule="cloudfront-distribution-access-logs", what="the log is not delivered", at=SITE,
        change=removed(*LOG), unknown=(*LOG, "resourceArn"), needs=("loggingConfig",),
    ),
    Mutation(
        rule="cloudfront-distribution-root-object", what="the root shows a bucket", at=SITE,
        change=both(
            set_at((*ORIGIN, "domainName"), BUCKET), set_at((*ORIGIN, "originAccessControlId"), "E1"),
            set_at((*DEFAULT, "targetOriginId"), "api"),
        ),
        unknown=(*SITE, "origins"), needs=("defaultCacheBehavior", "defaultRootObject"),
    ),
    altered("cloudfront-distribution-waf", "there is no web ACL", (*SITE, "webAclId"), None),
    altered(ADDED, "a behavior adds no headers", (*DEFAULT, "responseHeadersPolicyId"), None),
    altered(HSTS, "HTTPS for a day", (*HEADERS_MAX_AGE, "accessControlMaxAgeSec"), 86400),
    altered(HSTS, "the origin decides", (*HEADERS_MAX_AGE, "override"), False),
    altered(ACCESS, "a bucket that is open", (*ORIGIN, "domainName"), BUCKET),
    altered(
        ACCESS, "a function that is open", (*ORIGIN, "domainName"), "abc.lambda-url.us-east-1.on.aws"
    ),
)  # fmt: skip
