"""What the platform's roles owe to the account: a path that deploy roles are limited to, and the boundary."""

import pytest

from tests.infra.deployment import Deployment, deployed

ROLE = "aws:iam/role:Role"
BOUNDARY = "arn:aws:iam::123456789012:policy/nova-boundary"


@pytest.fixture(scope="module")
def bounded() -> Deployment:
    """Stack dev with the boundary of the account stack."""
    return deployed("dev", overrides={"permissionsBoundary": "nova-boundary"})


def test_roles_lie_below_the_path_of_their_stack(bounded: Deployment) -> None:
    roles = bounded.of_type(ROLE)
    assert roles
    assert {role.inputs["path"] for role in roles} == {"/nova/dev/"}


def test_every_role_carries_the_boundary(bounded: Deployment) -> None:
    assert {role.inputs["permissionsBoundary"] for role in bounded.of_type(ROLE)} == {BOUNDARY}


def test_without_a_boundary_roles_carry_none() -> None:
    assert {role.inputs.get("permissionsBoundary") for role in deployed("dev").of_type(ROLE)} == {None}
