"""Plain HTTP without a signature: what AWS refuses is refused, what a bucket policy opens is open."""

import json

import httpx2
import pytest
from botocore.exceptions import ClientError

from tests.local_cloud.running import Running

JSON = {"content-type": "application/x-amz-json-1.0"}
NO_SIGNATURES = [{}, {"authorization": "nonsense"}, {"authorization": "Bearer x"}]


def bucket(cloud: Running, name: str) -> None:
    """A bucket with one object."""
    cloud.client("s3").create_bucket(Bucket=name)
    cloud.client("s3").put_object(Bucket=name, Key="object", Body=b"body")


def opened(cloud: Running, name: str, *actions: str) -> None:
    """A bucket whose policy lets everybody do something with its objects."""
    bucket(cloud, name)
    cloud.client("s3").delete_public_access_block(Bucket=name)
    statement = {"Effect": "Allow", "Principal": "*", "Action": actions, "Resource": f"arn:aws:s3:::{name}/*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    cloud.client("s3").put_bucket_policy(Bucket=name, Policy=document)


@pytest.mark.parametrize("headers", NO_SIGNATURES)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/?x-id=ListBuckets"),
        ("PUT", "/made-by-nobody"),
        ("PUT", "/made-by-nobody/?x=1"),
        ("GET", "/v20180820/accesspoint"),
        ("GET", "/v20180820/tags/arn:aws:s3:::private"),
        ("GET", "/private"),
        ("GET", "/private?policy"),
        ("GET", "/private/object"),
        ("PUT", "/private/other"),
        ("PUT", "/private?policy"),
        ("POST", "/private?delete"),
        ("DELETE", "/private/object"),
        ("DELETE", "/private"),
    ],
)
def test_s3_refuses_who_has_not_signed(
    cloud: Running, method: str, path: str, headers: dict[str, str]
) -> None:
    bucket(cloud, "private")
    account = {"x-amz-account-id": "123456789012"}
    answer = httpx2.request(method, cloud.url + path, headers=headers | account)
    assert answer.status_code == 403
    assert "<Code>AccessDenied</Code>" in answer.text
    with pytest.raises(ClientError, match="404"):
        cloud.client("s3").head_bucket(Bucket="made-by-nobody")


@pytest.mark.parametrize("headers", NO_SIGNATURES)
def test_a_bucket_policy_opens_what_it_names(cloud: Running, headers: dict[str, str]) -> None:
    opened(cloud, "public", "s3:GetObject")
    url = f"{cloud.url}/public"
    assert httpx2.get(f"{url}/object", headers=headers).text == "body"
    assert httpx2.put(f"{url}/object", content=b"other", headers=headers).status_code == 403
    assert httpx2.get(url, headers=headers).status_code == 403
    opened(cloud, "box", "s3:PutObject")
    assert httpx2.put(f"{cloud.url}/box/letter", content=b"letter", headers=headers).status_code == 200
    assert httpx2.get(f"{cloud.url}/box/letter", headers=headers).status_code == 403


def test_presigned_requests_need_their_signature(cloud: Running) -> None:
    bucket(cloud, "presigned")
    s3 = cloud.client("s3")
    place = {"Bucket": "presigned", "Key": "object"}
    read = s3.generate_presigned_url("get_object", Params=place)
    assert httpx2.get(read).text == "body"
    assert httpx2.get(f"{read[:-6]}000000").status_code == 403
    assert (
        httpx2.put(s3.generate_presigned_url("put_object", Params=place), content=b"new").status_code == 200
    )
    form = s3.generate_presigned_post("presigned", "form")
    sent = httpx2.post(form["url"], data=form["fields"], files={"file": b"body"})
    assert sent.status_code == 204
    signature = "signature" if "signature" in form["fields"] else "x-amz-signature"
    invented = form["fields"] | {signature: "0"}
    assert httpx2.post(form["url"], data=invented, files={"file": b"body"}).status_code == 403


@pytest.mark.parametrize("headers", NO_SIGNATURES)
@pytest.mark.parametrize("target", ["DynamoDB_20120810.ListTables", "AWSSecurityTokenServiceV20110615.X"])
def test_other_services_refuse_who_has_not_signed(
    cloud: Running, target: str, headers: dict[str, str]
) -> None:
    answer = httpx2.post(cloud.url, headers=headers | JSON | {"x-amz-target": target}, content=b"{}")
    assert answer.status_code in (400, 403)
    assert "TableNames" not in answer.text
    form = {"Action": "ListUsers", "Version": "2010-05-08"}
    assert "MissingAuthenticationToken" in httpx2.post(cloud.url, headers=headers, data=form).text


def test_a_signature_counts_only_for_the_key_it_was_made_with(cloud: Running) -> None:
    key = cloud.administrator["access_key_id"]
    claim = (
        f"AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/dynamodb/aws4_request, "
        "SignedHeaders=host, Signature=00"
    )
    presigned = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={key}/20260101/us-east-1/s3/aws4_request"
    target = ("x-amz-target", "DynamoDB_20120810.ListTables")
    for query, headers in (
        ("", [("authorization", "x"), ("authorization", claim)]),
        ("", [("authorization", claim), ("authorization", "x")]),
        ("", [("authorization", claim.lower())]),
        (f"{presigned}&X-Amz-Signature=00", [("authorization", "x")]),
    ):
        answer = httpx2.post(
            f"{cloud.url}/?{query}", headers=[*headers, target, *JSON.items()], content=b"{}"
        )
        assert answer.status_code in (400, 403)
        assert "TableNames" not in answer.text
