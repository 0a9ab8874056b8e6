"""Every call answers with a diagnostic whatever happens inside; gRPC alone would show nothing."""

from typing import Any
from unittest.mock import Mock

import grpc
import pytest
from tf.gen import tfplugin_pb2 as pb
from tf.gen import tfplugin_pb2_grpc
from tf.utils import read_dynamic_value, to_dynamic_value

from fleet_provider.credentials import Credentials
from fleet_provider.provider import FleetProvider, FleetServicer
from fleet_provider.resources.postgres_role import PostgresRole

STATE: dict[str, Any] = {
    "id": "orders",
    "name": "orders",
    "managed_by": "res_1",
    "password_verifier": "SCRAM-SHA-256$4096:hunter2",
    "connection_limit": 5,
    "statement_timeout_seconds": 30,
    "login": True,
    "extra_attributes": [],
    "oid": 16400,
}
CONTEXT = Mock(spec=grpc.ServicerContext)


@pytest.fixture
def servicer() -> FleetServicer:
    return FleetServicer(FleetProvider(Credentials))


def broken(*_: object) -> None:
    raise RuntimeError("hunter2 is the password")


def test_an_unforeseen_exception_is_a_fault_of_ours_without_its_text(
    servicer: FleetServicer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(PostgresRole, "read", broken)
    request = pb.ReadResource.Request(type_name="fleet_postgres_role", current_state=to_dynamic_value(STATE))

    answer = servicer.ReadResource(request, CONTEXT)

    assert [diagnostic.summary for diagnostic in answer.diagnostics] == ["Fault inside the fleet provider"]
    assert "RuntimeError" in answer.diagnostics[0].detail
    assert read_dynamic_value(answer.new_state) == STATE, "the state that Terraform had is kept"
    logged = capfd.readouterr().err
    assert "in broken" in logged
    assert "hunter2 is the password" not in answer.diagnostics[0].detail + logged.replace(
        'raise RuntimeError("hunter2 is the password")', ""
    )


@pytest.mark.parametrize(
    ("prior", "planned"),
    [(None, STATE), (STATE, {**STATE, "connection_limit": 9}), (STATE, None)],
    ids=["create", "update", "delete"],
)
def test_after_a_failed_change_terraform_keeps_the_state_it_had(
    servicer: FleetServicer, prior: dict[str, Any] | None, planned: dict[str, Any] | None
) -> None:
    def packed(state: dict[str, Any] | None) -> pb.DynamicValue:
        return to_dynamic_value(state) if state else pb.DynamicValue(msgpack=b"\xc0")

    answer = servicer.ApplyResourceChange(
        pb.ApplyResourceChange.Request(
            type_name="fleet_postgres_role", prior_state=packed(prior), planned_state=packed(planned)
        ),
        CONTEXT,
    )

    assert [diagnostic.summary for diagnostic in answer.diagnostics] == ["No PostgreSQL server for this run"]
    assert read_dynamic_value(answer.new_state) == prior


def test_what_is_not_configured_is_planned_to_its_default_and_not_to_what_was_found(
    servicer: FleetServicer,
) -> None:
    found = {**STATE, "connection_limit": 77, "login": False, "extra_attributes": ["CREATEDB"]}
    config = dict.fromkeys(STATE, None) | {
        "name": "orders",
        "managed_by": "res_1",
        "password_verifier": STATE["password_verifier"],
        "statement_timeout_seconds": 30,
    }

    answer = servicer.PlanResourceChange(
        pb.PlanResourceChange.Request(
            type_name="fleet_postgres_role",
            prior_state=to_dynamic_value(found),
            proposed_new_state=to_dynamic_value(found),
            config=to_dynamic_value(config),
        ),
        CONTEXT,
    )

    assert read_dynamic_value(answer.planned_state) == {**STATE, "connection_limit": -1}


def test_every_call_that_can_carry_a_diagnostic_is_guarded() -> None:
    service = pb.DESCRIPTOR.services_by_name["Provider"]
    answered = {name for name in dir(FleetServicer) if name in service.methods_by_name}
    bearing = {
        name
        for name in answered
        if "diagnostics" in service.methods_by_name[name].output_type.fields_by_name
        and name in vars(tfplugin_pb2_grpc.ProviderServicer)
    }
    # Moves between types are refused by tf itself, and there are no functions.
    unused = {"GetMetadata", "MoveResourceState", "GetFunctions"}

    assert bearing - unused == set(FleetServicer.CALLS)


def test_stopping_stops_nothing(servicer: FleetServicer) -> None:
    assert servicer.StopProvider(pb.StopProvider.Request(), CONTEXT) == pb.StopProvider.Response()
