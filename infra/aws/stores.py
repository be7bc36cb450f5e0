"""Where things are kept: objects, page assets, PostgreSQL and secrets."""

from typing import Any

from infra.aws.cfn import Resource, Resources, allow, att, policy, ref, resource, sub, tags
from infra.aws.network import PRIVATE
from infra.aws.stages import Stage

PROGRAM, MASTER, DATABASE = "previsto", "previsto_admin", "previsto"
OBJECTS = "previsto"  # Below this name in the bucket; the program knows no other keys.
ENGINE = "17.5"
PASSWORD_CHARACTERS = 48
SECRETS = {
    "ProgramPassword": "password of the program's own user",
    "MasterPassword": "password of who migrates",
    "JwtSecret": "signs access tokens",
    "SigningKey": "signs addresses of objects",
    "MetricsToken": "lets a Prometheus read /metrics",
    "AdminPassword": "first password of the first admin",
}


def stores(stage: Stage) -> Resources:
    """Buckets, the distribution in front of the assets, database and secrets."""
    return {**_objects(stage), **_assets(stage), **_secrets(stage), **_database(stage)}


def _bucket(**properties: Any) -> Resource:
    """A bucket that is nobody's to read, encrypted, and outlives its stack."""
    keys = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    algorithm = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    return resource(
        "S3::Bucket",
        {
            "PublicAccessBlockConfiguration": dict.fromkeys(keys, True),
            "BucketEncryption": {"ServerSideEncryptionConfiguration": [algorithm]},
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            **properties,
        },
        DeletionPolicy="Retain",
        UpdateReplacePolicy="Retain",
    )


def _objects(stage: Stage) -> Resources:
    expiry = {
        "Id": "old-versions",
        "Status": "Enabled",
        "NoncurrentVersionExpiration": {"NoncurrentDays": stage.noncurrent_days},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }
    # Signed addresses are for pages: the console's, and those that may call the API.
    others = {"Fn::Join": [",", ref("CorsOrigins")]}
    rule = {
        "AllowedMethods": ["GET", "PUT"],
        "AllowedOrigins": {"Fn::Split": [",", {"Fn::Join": [",", [_own_origin(), others]]}]},
        "AllowedHeaders": ["content-type", "content-length"],
        "ExposedHeaders": ["ETag"],
        "MaxAge": 3600,
    }
    return {
        "DataBucket": _bucket(
            VersioningConfiguration={"Status": "Enabled"},
            LifecycleConfiguration={"Rules": [expiry]},
            CorsConfiguration={"CorsRules": [rule]},
        ),
        "DataBucketPolicy": _bucket_policy("DataBucket"),
    }


def _own_origin() -> dict[str, Any]:
    """`https://host` of the address that clients reach, whose path pages do not send."""
    host = {"Fn::Select": [2, {"Fn::Split": ["/", ref("PublicUrl")]}]}
    return {"Fn::Join": ["", ["https://", host]]}


def _bucket_policy(bucket: str, *others: dict[str, Any]) -> Resource:
    both = [sub(f"${{{bucket}.Arn}}"), sub(f"${{{bucket}.Arn}}/*")]
    only_tls = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": both,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    properties = {"Bucket": ref(bucket), "PolicyDocument": policy(only_tls, *others)}
    return resource("S3::BucketPolicy", properties)


def _assets(stage: Stage) -> Resources:
    distribution = sub("arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${Assets}")
    read = allow(["s3:GetObject"], sub("${AssetsBucket.Arn}/*"))
    of_distribution = {
        **read,
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Condition": {"StringEquals": {"AWS:SourceArn": distribution}},
    }
    return {
        "AssetsBucket": _bucket(),
        "AssetsBucketPolicy": _bucket_policy("AssetsBucket", of_distribution),
        "AssetsAccess": resource(
            "CloudFront::OriginAccessControl",
            {
                "OriginAccessControlConfig": {
                    "Name": f"{stage.prefix}-assets",
                    "OriginAccessControlOriginType": "s3",
                    "SigningBehavior": "always",
                    "SigningProtocol": "sigv4",
                }
            },
        ),
        "Assets": resource("CloudFront::Distribution", {"DistributionConfig": _distribution()}),
    }


def _distribution() -> dict[str, Any]:
    origin = {
        "Id": "assets",
        "DomainName": att("AssetsBucket", "RegionalDomainName"),
        "OriginAccessControlId": att("AssetsAccess", "Id"),
        "S3OriginConfig": {"OriginAccessIdentity": ""},
    }
    return {
        "Enabled": True,
        "HttpVersion": "http2and3",
        "PriceClass": "PriceClass_All",
        "Origins": [origin],
        "DefaultCacheBehavior": {
            "TargetOriginId": "assets",
            "ViewerProtocolPolicy": "https-only",
            "Compress": True,
            # Managed-CachingOptimized and Managed-SimpleCORS.
            "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
            "ResponseHeadersPolicyId": "60669652-455b-4ae9-85a4-c4c02393f86c",
        },
    }


def _secrets(stage: Stage) -> Resources:
    found: Resources = {
        name: resource(
            "SecretsManager::Secret",
            {
                "Description": f"{stage.prefix}: {description}",
                # Within a URL punctuation would have to be quoted.
                "GenerateSecretString": {
                    "PasswordLength": PASSWORD_CHARACTERS,
                    "ExcludePunctuation": True,
                },
            },
        )
        for name, description in SECRETS.items()
    }
    for name, user, password in (
        ("DatabaseUrl", PROGRAM, "ProgramPassword"),
        ("DatabaseAdminUrl", MASTER, "MasterPassword"),
    ):
        found[name] = resource(
            "SecretsManager::Secret",
            {
                "Description": f"{stage.prefix}: address of the database, as {user}",
                "SecretString": sub(
                    f"postgresql://{user}:{{{{resolve:secretsmanager:${{{password}}}}}}}"
                    f"@${{Database.Endpoint.Address}}:5432/{DATABASE}?sslmode=require"
                ),
            },
        )
    return found


def _database(stage: Stage) -> Resources:
    cluster = resource(
        "RDS::DBCluster",
        {
            "Engine": "aurora-postgresql",
            "EngineVersion": ENGINE,
            "DatabaseName": DATABASE,
            "MasterUsername": MASTER,
            "MasterUserPassword": sub("{{resolve:secretsmanager:${MasterPassword}}}"),
            "DBSubnetGroupName": ref("DatabaseSubnets"),
            "VpcSecurityGroupIds": [ref("DatabaseGroup")],
            "DBClusterParameterGroupName": ref("DatabaseParameters"),
            "ServerlessV2ScalingConfiguration": {
                "MinCapacity": stage.least_capacity,
                "MaxCapacity": stage.most_capacity,
            },
            "StorageEncrypted": True,
            "BackupRetentionPeriod": stage.backup_days,
            "CopyTagsToSnapshot": True,
            "DeletionProtection": stage.is_protected,
            "EnableCloudwatchLogsExports": ["postgresql"],
            "Tags": tags(stage.prefix),
        },
        DeletionPolicy="Snapshot",
        UpdateReplacePolicy="Snapshot",
    )
    instance = resource(
        "RDS::DBInstance",
        {
            "Engine": "aurora-postgresql",
            "DBInstanceClass": "db.serverless",
            "DBClusterIdentifier": ref("Database"),
            "DBSubnetGroupName": ref("DatabaseSubnets"),
            "PubliclyAccessible": False,
        },
        # Its data is the cluster's, which keeps a snapshot.
        DeletionPolicy="Delete",
        UpdateReplacePolicy="Delete",
    )
    return {
        "DatabaseSubnets": resource(
            "RDS::DBSubnetGroup",
            {"DBSubnetGroupDescription": stage.prefix, "SubnetIds": PRIVATE},
        ),
        "DatabaseParameters": resource(
            "RDS::DBClusterParameterGroup",
            {
                "Description": stage.prefix,
                "Family": "aurora-postgresql17",
                "Parameters": {"rds.force_ssl": "1", "log_min_duration_statement": "1000"},
            },
        ),
        "Database": cluster,
        **{f"DatabaseInstance{n}": instance for n in range(1, stage.database_instances + 1)},
    }
