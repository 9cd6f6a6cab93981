"""What must not be done to tables."""

from tests.policy.mutation import Mutation, altered, option

TABLE = "aws:dynamodb/table:Table"
STORE = (TABLE, "nova-events-table")
RECOVERY = "dynamodb-table-recovery"
PROTECTION = "dynamodb-table-deletion-protection"
KEY = "dynamodb-table-key"

MUTATIONS = (
    altered(RECOVERY, "recovery is off", (*STORE, "pointInTimeRecovery", "enabled"), False),
    altered(RECOVERY, "recovery is left out", (*STORE, "pointInTimeRecovery"), None),
    altered(PROTECTION, "deletion protection is off", (*STORE, "deletionProtectionEnabled"), False),
    Mutation(
        rule=PROTECTION,
        what="the resource is not protected",
        change=option(*STORE, protect=False),
        at=STORE,
        unknown=(*STORE, "deletionProtectionEnabled"),
    ),
    altered(KEY, "AWS's own key encrypts", (*STORE, "serverSideEncryption"), None),
    altered(KEY, "the account's default key encrypts", (*STORE, "serverSideEncryption", "kmsKeyArn"), None),
)
