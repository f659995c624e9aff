"""What the cluster encrypts, and how its nodes guard their credentials."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_emr as emr
from aws_cdk import aws_kms as kms
from constructs import Construct


def security_configuration(
    scope: Construct, construct_id: str, *, key: kms.IKey, certificates_uri: str
) -> emr.CfnSecurityConfiguration:
    """Everything at rest under `key`, traffic between nodes where certificates are given, IMDSv2.

    Without certificates, nodes talk in the clear within their private subnets; to AWS, they
    always talk TLS.
    """
    return emr.CfnSecurityConfiguration(
        scope,
        construct_id,
        security_configuration={
            "EncryptionConfiguration": {
                "EnableAtRestEncryption": True,
                "AtRestEncryptionConfiguration": _at_rest(key.key_arn),
                **_in_transit(certificates_uri),
            },
            "InstanceMetadataServiceConfiguration": {
                "MinimumInstanceMetadataServiceVersion": 2,
                "HttpPutResponseHopLimit": 1,
            },
        },
    )


def _at_rest(key_arn: str) -> dict[str, Any]:
    return {
        "S3EncryptionConfiguration": {"EncryptionMode": "SSE-KMS", "AwsKmsKey": key_arn},
        "LocalDiskEncryptionConfiguration": {
            "EncryptionKeyProviderType": "AwsKms",
            "AwsKmsKey": key_arn,
            "EnableEbsEncryption": True,
        },
    }


def _in_transit(certificates_uri: str) -> dict[str, Any]:
    if not certificates_uri:
        return {"EnableInTransitEncryption": False}
    return {
        "EnableInTransitEncryption": True,
        "InTransitEncryptionConfiguration": {
            "TLSCertificateConfiguration": {
                "CertificateProviderType": "PEM",
                "S3Object": certificates_uri,
            }
        },
    }
