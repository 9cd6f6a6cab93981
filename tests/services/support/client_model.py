"""Holds a fake client to the real one's model: what it is called with, and what it answers."""

from functools import cache
from typing import Any

import botocore.session
from botocore.exceptions import ClientError
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator


@cache
def _service(name: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(name)


def check_request(service: str, operation: str, request: dict[str, Any]) -> None:
    """Fail when the real client would refuse these parameters."""
    _check(_service(service).operation_model(operation).input_shape, request)


def check_answer(service: str, operation: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Fail when the real client could not give this answer; return it."""
    _check(_service(service).operation_model(operation).output_shape, answer)
    return answer


def _check(shape: Shape | None, value: dict[str, Any]) -> None:
    assert shape is not None
    report = ParamValidator().validate(value, shape)
    assert not report.has_errors(), report.generate_report()


def failure(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "operation")
