"""What must not be done to keys."""

import json

from tests.policy.mutation import altered

KEY = ("aws:kms/key:Key", "nova-keys-tables")
ANYBODY = {
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:Decrypt", "Resource": "*"}]
}

MUTATIONS = (
    altered(
        "kms-key-rotation", "rotation is off", (*KEY, "enableKeyRotation"), False,
        needs=("customerMasterKeySpec",),
    ),
    altered("kms-key-policy", "anybody may decrypt", (*KEY, "policy"), json.dumps(ANYBODY)),
    altered("kms-key-deletion-window", "it is gone after a week", (*KEY, "deletionWindowInDays"), 7),
)  # fmt: skip
