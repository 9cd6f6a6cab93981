"""The provider functions that the program may call."""

from collections.abc import Mapping
from typing import Any

from .cloud import Cloud
from .monitor import Invoke

# Whom `aws ecr get-login-password` speaks for. The gateway's registry takes the caller's own credentials.
REGISTRY_USER = "AWS"


def all_invokes(cloud: Cloud) -> Mapping[str, Invoke]:
    """Every function by its token. Account and region are the applier's own."""
    return {
        "aws:index/getCallerIdentity:getCallerIdentity": lambda _args: _identity(cloud),
        "aws:index/getRegion:getRegion": lambda _args: _region(cloud),
        "aws:index/getPartition:getPartition": lambda _args: _partition(),
        "aws:ec2/getManagedPrefixList:getManagedPrefixList": lambda args: _prefix_list(cloud, args),
        "aws:index/getAvailabilityZones:getAvailabilityZones": lambda _args: _zones(cloud),
        "aws:ecr/getAuthorizationToken:getAuthorizationToken": lambda _args: _registry_token(cloud),
    }


def _identity(cloud: Cloud) -> dict[str, Any]:
    return {
        "id": cloud.account,
        "accountId": cloud.account,
        "arn": f"arn:aws:iam::{cloud.account}:root",
        "userId": cloud.account,
    }


def _region(cloud: Cloud) -> dict[str, Any]:
    endpoint = f"ec2.{cloud.region}.amazonaws.com"
    return {
        "id": cloud.region,
        "region": cloud.region,
        "name": cloud.region,
        "description": "",
        "endpoint": endpoint,
    }


def _partition() -> dict[str, Any]:
    return {
        "id": "aws",
        "partition": "aws",
        "dnsSuffix": "amazonaws.com",
        "reverseDnsPrefix": "com.amazonaws",
    }


def _prefix_list(cloud: Cloud, args: Mapping[str, Any]) -> dict[str, Any]:
    # AWS keeps one for each service with a gateway endpoint; rules only have to name it.
    name = str(args["name"])
    return {
        "id": f"pl-{name.rpartition('.')[2]}",
        "name": name,
        "region": cloud.region,
        "entries": [],
        "maxEntries": 0,
        "version": 1,
    }


def _zones(cloud: Cloud) -> dict[str, Any]:
    answer = cloud.call("ec2", "DescribeAvailabilityZones", {})["AvailabilityZones"]
    return {
        "id": cloud.region,
        "region": cloud.region,
        "names": [zone["ZoneName"] for zone in answer],
        "zoneIds": [zone["ZoneId"] for zone in answer],
        "groupNames": [cloud.region],
    }


def _registry_token(cloud: Cloud) -> dict[str, Any]:
    return {
        "id": cloud.region,
        "authorizationToken": "",
        "userName": REGISTRY_USER,
        "password": "",
        "proxyEndpoint": f"https://{cloud.account}.dkr.ecr.{cloud.region}.amazonaws.com",
        "expiresAt": "9999-12-31T23:59:59Z",
    }
