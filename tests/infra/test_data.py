"""Where data rests: buckets, keys, tables, backups, and what is kept of them."""

from typing import Any

from evaluation.answers import ACCOUNT_ID, REGION
from tests.infra.deployment import Deployment
from tests.infra.policies import statements

CONTENT = "nova-content"
LOGS = "nova-access-logs"
BUCKETS = (CONTENT, LOGS)


def part(deployment: Deployment, kind: str, name: str) -> dict[str, Any]:
    """The inputs of the part of a bucket that is of type ``aws:s3/<kind>``."""
    token = f"aws:s3/{kind[0].lower()}{kind[1:]}:{kind}"
    return deployment.one(token, name).inputs


def bucket_arn(label: str) -> str:
    return f"arn:aws:s3:::{label}-bucket-0000000"


def bucket_policy(deployment: Deployment, label: str) -> dict[str, dict[str, Any]]:
    """The statements of a bucket's policy, by id."""
    policy = part(deployment, "BucketPolicy", f"{label}-policy")
    assert policy["bucket"] == f"{label}-bucket-0000000"
    return {found["Sid"]: found for found in statements(policy["policy"])}


class TestBuckets:
    def test_there_are_no_others(self, deployment: Deployment) -> None:
        buckets = deployment.of_type("aws:s3/bucket:Bucket")
        assert {bucket.name for bucket in buckets} == {f"{label}-bucket" for label in BUCKETS}

    def test_each_is_closed_to_the_public(self, deployment: Deployment) -> None:
        for label in BUCKETS:
            block = part(deployment, "BucketPublicAccessBlock", f"{label}-public-access-block")
            assert block == {
                "bucket": f"{label}-bucket-0000000",
                "blockPublicAcls": True,
                "blockPublicPolicy": True,
                "ignorePublicAcls": True,
                "restrictPublicBuckets": True,
            }
            ownership = part(deployment, "BucketOwnershipControls", f"{label}-ownership")
            assert ownership["rule"] == {"objectOwnership": "BucketOwnerEnforced"}

    def test_each_is_reached_over_tls_only(self, deployment: Deployment) -> None:
        for label in BUCKETS:
            deny = bucket_policy(deployment, label)["DenyPlainTransport"]
            assert (deny["Effect"], deny["Principal"], deny["Action"]) == ("Deny", {"AWS": "*"}, ["s3:*"])
            assert deny["Resource"] == [bucket_arn(label), f"{bucket_arn(label)}/*"]
            assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}

    def test_a_policy_follows_the_block(self, deployment: Deployment) -> None:
        for label in BUCKETS:
            policy = deployment.one("aws:s3/bucketPolicy:BucketPolicy", f"{label}-policy")
            assert any(urn.endswith(f"::{label}-public-access-block") for urn in policy.depends_on)

    def test_destroying_empties_them_where_nothing_is_protected(
        self, production: Deployment, development: Deployment
    ) -> None:
        for deployed, protected in ((production, True), (development, False)):
            for bucket in deployed.of_type("aws:s3/bucket:Bucket"):
                assert (bucket.protect, bucket.inputs["forceDestroy"]) == (protected, not protected)


class TestContent:
    def test_objects_are_encrypted_with_the_contents_key(self, deployment: Deployment) -> None:
        kind = "BucketServerSideEncryptionConfiguration"
        (rule,) = part(deployment, kind, f"{CONTENT}-encryption")["rules"]
        assert rule["bucketKeyEnabled"] is True
        default = rule["applyServerSideEncryptionByDefault"]
        assert default["sseAlgorithm"] == "aws:kms"
        assert default["kmsMasterKeyId"].endswith("key/nova-keys-content")

    def test_an_upload_cannot_choose_another_key(self, deployment: Deployment) -> None:
        deny = bucket_policy(deployment, CONTENT)["DenyOtherEncryption"]
        assert (deny["Effect"], deny["Principal"], deny["Action"]) == (
            "Deny",
            {"AWS": "*"},
            ["s3:PutObject"],
        )
        assert deny["Resource"] == [f"{bucket_arn(CONTENT)}/*"]
        (key,) = deny["Condition"].pop("StringNotEquals").items()
        assert key[0] == "s3:x-amz-server-side-encryption-aws-kms-key-id"
        assert key[1].endswith(":key/nova-keys-content")
        # Without it a request that leaves the choice to the bucket would be refused too.
        assert deny["Condition"] == {"Null": {"s3:x-amz-server-side-encryption": "false"}}

    def test_versions_are_kept_and_announced(self, deployment: Deployment) -> None:
        versioning = part(deployment, "BucketVersioning", f"{CONTENT}-versioning")
        assert versioning["versioningConfiguration"] == {"status": "Enabled"}
        notification = part(deployment, "BucketNotification", f"{CONTENT}-notification")
        assert notification["eventbridge"] is True

    def test_content_is_tiered_and_leftovers_expire(self, production: Deployment) -> None:
        rules = part(production, "BucketLifecycleConfiguration", f"{CONTENT}-lifecycle")["rules"]
        keep, passing = rules
        assert keep["transitions"] == [{"days": 30, "storageClass": "INTELLIGENT_TIERING"}]
        assert keep["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}
        assert keep["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
        assert (passing["filter"], passing["expiration"]) == ({"prefix": "transcribe/"}, {"days": 7})


class TestAccessLogs:
    def test_they_are_encrypted_by_s3(self, deployment: Deployment) -> None:
        # Load balancers deliver to nothing else.
        kind = "BucketServerSideEncryptionConfiguration"
        (rule,) = part(deployment, kind, f"{LOGS}-encryption")["rules"]
        assert rule == {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}

    def test_they_expire_as_logs_do(self, production: Deployment, development: Deployment) -> None:
        for deployed, days in ((production, 365), (development, 14)):
            (rule,) = part(deployed, "BucketLifecycleConfiguration", f"{LOGS}-lifecycle")["rules"]
            assert (rule["status"], rule["filter"]) == ("Enabled", {"prefix": ""})
            assert rule["expiration"] == {"days": days}
            assert rule["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}

    def test_who_may_write(self, deployment: Deployment) -> None:
        logs, owner = bucket_arn(LOGS), {"aws:SourceAccount": ACCOUNT_ID}
        sources = {"aws:SourceArn": [f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:delivery-source:*"]}
        balancers = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT_ID}:loadbalancer/*"
        allowed = {
            sid: (found["Principal"], found["Action"], found["Resource"], found["Condition"])
            for sid, found in bucket_policy(deployment, LOGS).items()
            if found["Effect"] == "Allow"
        }
        assert allowed == {
            "LoadBalancersWrite": (
                {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
                ["s3:PutObject"],
                [f"{logs}/load-balancer/AWSLogs/{ACCOUNT_ID}/*"],
                {"ArnLike": {"aws:SourceArn": balancers}},
            ),
            "BucketsWrite": (
                {"Service": "logging.s3.amazonaws.com"},
                ["s3:PutObject"],
                [f"{logs}/buckets/*"],
                {"StringEquals": owner, "ArnEquals": {"aws:SourceArn": [bucket_arn(CONTENT)]}},
            ),
            "DeliveriesWrite": (
                {"Service": "delivery.logs.amazonaws.com"},
                ["s3:PutObject"],
                [f"{logs}/AWSLogs/{ACCOUNT_ID}/*"],
                {"StringEquals": {**owner, "s3:x-amz-acl": "bucket-owner-full-control"}, "ArnLike": sources},
            ),
            "DeliveriesCheckTheOwner": (
                {"Service": "delivery.logs.amazonaws.com"},
                ["s3:GetBucketAcl"],
                [logs],
                {"StringEquals": owner, "ArnLike": sources},
            ),
        }

    def test_requests_for_content_are_logged(self, deployment: Deployment) -> None:
        (logging,) = deployment.of_type("aws:s3/bucketLogging:BucketLogging")
        assert logging.inputs == {
            "bucket": "nova-content-bucket-0000000",
            "targetBucket": "nova-access-logs-bucket-0000000",
            "targetPrefix": "buckets/",
            "targetObjectKeyFormat": {"partitionedPrefix": {"partitionDateSource": "EventTime"}},
        }
        assert any(urn.endswith(f"::{LOGS}-policy") for urn in logging.depends_on)
