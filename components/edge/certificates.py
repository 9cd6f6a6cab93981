"""Certificates of the site's domain.

Creates: a certificate for the distribution (in us-east-1) and one for the load balancer (in the stack's
region), the DNS records that prove the names are ours, and the validation of both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from .plan import SiteDomain

DISTRIBUTION_REGION = "us-east-1"
"""Where CloudFront looks for certificates and reports its metrics, and where its web ACLs are."""
_RECORD_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificatesArgs:
    """Whose names."""

    domain: SiteDomain


class Certificates(pulumi.ComponentResource):
    """Two certificates, renewed by ACM as long as the records stand.

    The load balancer's covers its own name and the site's: CloudFront passes the site's name on, and asks for
    a certificate of either.
    """

    distribution_arn: pulumi.Output[str]
    balancer_arn: pulumi.Output[str]

    def __init__(self, name: str, args: CertificatesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:edge:Certificates", name, None, opts)
        self._label = name
        self._domain = args.domain
        self._child = pulumi.ResourceOptions(parent=self)
        host, origin = args.domain.host, args.domain.origin
        site = self._certificate("distribution", host, (), DISTRIBUTION_REGION)
        balancer = self._certificate("balancer", origin, (host,), None)
        # What proves a name is the same in both certificates: one record for each name.
        records = {
            host: self._record("site", balancer, host),
            origin: self._record("origin", balancer, origin),
        }
        self.distribution_arn = self._validation("distribution", site, [records[host]], DISTRIBUTION_REGION)
        self.balancer_arn = self._validation("balancer", balancer, list(records.values()), None)
        self.register_outputs({"distribution_arn": self.distribution_arn, "balancer_arn": self.balancer_arn})

    def _certificate(
        self, role: str, host: str, others: Sequence[str], region: str | None
    ) -> aws.acm.Certificate:
        return aws.acm.Certificate(
            f"{self._label}-{role}",
            domain_name=host,
            subject_alternative_names=list(others) or None,
            validation_method="DNS",
            region=region,
            opts=self._child,
        )

    def _record(self, role: str, certificate: aws.acm.Certificate, host: str) -> aws.route53.Record:
        option = certificate.domain_validation_options.apply(
            lambda options: next(option for option in options if option.domain_name == host)
        )
        return aws.route53.Record(
            f"{self._label}-{role}-record",
            zone_id=self._domain.zone_id,
            name=option.apply(lambda found: _stated(found.resource_record_name)),
            type=option.apply(lambda found: _stated(found.resource_record_type)),
            records=[option.apply(lambda found: _stated(found.resource_record_value))],
            ttl=_RECORD_SECONDS,
            # Another stack's certificate for the same name needs the same record.
            allow_overwrite=True,
            opts=self._child,
        )

    def _validation(
        self,
        role: str,
        certificate: aws.acm.Certificate,
        records: Sequence[aws.route53.Record],
        region: str | None,
    ) -> pulumi.Output[str]:
        return aws.acm.CertificateValidation(
            f"{self._label}-{role}-validation",
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn for record in records],
            region=region,
            opts=self._child,
        ).certificate_arn


def _stated(value: str | None) -> str:
    if value is None:
        raise ValueError("ACM gave no record for a name that is to be proven by DNS")
    return value
