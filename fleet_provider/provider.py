"""The provider as Terraform speaks to it: which resources there are, and every trouble as a diagnostic."""

import functools
from collections.abc import Callable
from typing import Any, ClassVar

import grpc
from tf.gen import tfplugin_pb2 as pb
from tf.iface import Config, DataSource, Provider, Resource
from tf.provider import ProviderServicer
from tf.schema import Schema
from tf.types import Unknown
from tf.utils import Diagnostics, read_dynamic_value, to_dynamic_value

from fleet_provider.address import PREFIX, SOURCE
from fleet_provider.clients.postgres import Postgres
from fleet_provider.clients.valkey import Valkey
from fleet_provider.credentials import Credentials
from fleet_provider.faults import Fault, log_place
from fleet_provider.resources.postgres_database import PostgresDatabase
from fleet_provider.resources.postgres_grant import PostgresGrant
from fleet_provider.resources.postgres_role import PostgresRole
from fleet_provider.resources.valkey_keyspace import ValkeyKeyspace
from fleet_provider.resources.valkey_stream import ValkeyStream
from fleet_provider.resources.valkey_user import ValkeyUser

Answer = Callable[["FleetServicer", Any, grpc.ServicerContext], Any]

_KEEPING_STATE = {"ApplyResourceChange": "prior_state", "ReadResource": "current_state"}
"""Calls that, when they fail, answer with the state that Terraform gave, and the field in which it gave it.

After a failed create that is "nothing": what was half made is adopted by the next apply.
"""


class FleetProvider(Provider):  # type: ignore[misc]  # tf ships no types
    """One run's provider, with the credentials of that run only."""

    def __init__(self, credentials: Callable[[], Credentials]) -> None:
        """Remember where the credentials come from.

        Args:
            credentials: Reads them once Terraform configures the provider; before that (validate, schema)
                there is no need for any.
        """
        self._credentials = credentials
        self._postgres: Postgres | None = None
        self._valkey: Valkey | None = None
        self._is_configured = False

    @property
    def postgres(self) -> Postgres:
        """The PostgreSQL server of this run.

        Raises:
            Fault: The credentials name none.
        """
        if self._postgres is None:
            raise Fault(
                "No PostgreSQL server for this run",
                detail='The credentials have no member "postgres".',
                remedy="Give the run a connection of kind postgres.",
            )
        return self._postgres

    @property
    def valkey(self) -> Valkey:
        """The Valkey of this run.

        Raises:
            Fault: The credentials name none.
        """
        if self._valkey is None:
            raise Fault(
                "No Valkey for this run",
                detail='The credentials have no member "valkey".',
                remedy="Give the run a connection of kind valkey.",
            )
        return self._valkey

    def get_model_prefix(self) -> str:
        """What each type's name begins with."""
        return PREFIX

    def full_name(self) -> str:
        """The source address."""
        return SOURCE

    def get_provider_schema(self, diags: Diagnostics) -> Schema:
        """Nothing is configured in Terraform: address and credentials never pass through a module."""
        return Schema(description="Roles, databases, users, streams and keyspaces on the servers of the fleet.")

    def validate_config(self, diags: Diagnostics, config: Config) -> None:
        """Accept the empty configuration, the only one that the schema allows."""

    def configure_provider(self, diags: Diagnostics, config: Config) -> None:
        """Read the credentials; connecting waits until a resource needs it.

        Raises:
            Fault: They are missing or of no use.
        """
        if not self._is_configured:  # else an earlier command of the same run left its sessions for this one
            credentials = self._credentials()
            self._postgres = Postgres(credentials.postgres) if credentials.postgres else None
            self._valkey = Valkey(credentials.valkey) if credentials.valkey else None
            self._is_configured = True

    def get_data_sources(self) -> list[type[DataSource]]:
        """None: a module must not look around on a shared server."""
        return []

    def get_resources(self) -> list[type[Resource]]:
        """Return every type of resource."""
        return [PostgresRole, PostgresDatabase, PostgresGrant, ValkeyUser, ValkeyStream, ValkeyKeyspace]


class FleetServicer(ProviderServicer):  # type: ignore[misc]  # tf ships no types
    """tf's answers, each wrapped so that no exception ends a call.

    ``StopProvider`` is tf's own: it answers and stops nothing, so what is in flight when a person presses
    Ctrl-C is finished and reaches the state.
    """

    CALLS: ClassVar[tuple[str, ...]] = (
        "GetProviderSchema",
        "ValidateProviderConfig",
        "ValidateResourceConfig",
        "ValidateDataResourceConfig",
        "UpgradeResourceState",
        "ConfigureProvider",
        "ReadResource",
        "PlanResourceChange",
        "ApplyResourceChange",
        "ImportResourceState",
        "ReadDataSource",
    )

    def PlanResourceChange(  # noqa: N802 - gRPC's name
        self, request: pb.PlanResourceChange.Request, context: grpc.ServicerContext
    ) -> Any:
        """Plan what the configuration leaves out to its default, not to what was found on the server.

        Terraform proposes the refreshed value for an attribute that is not configured, so drift of it would
        stand.
        """
        config, proposed = read_dynamic_value(request.config), read_dynamic_value(request.proposed_new_state)
        if config is not None and proposed is not None:
            for name, attribute in self._get_res_attrs(request.type_name).items():
                if config[name] is None and attribute.default is not Unknown:
                    proposed[name] = attribute.default
            request.proposed_new_state.CopyFrom(to_dynamic_value(proposed))
        return ProviderServicer.PlanResourceChange.__wrapped__(self, request, context)


def _guarded(call: str, answer: Answer) -> Answer:
    response = getattr(pb, call).Response
    kept = _KEEPING_STATE.get(call)

    @functools.wraps(answer)
    def guarded(self: FleetServicer, request: Any, context: grpc.ServicerContext) -> Any:
        diags = Diagnostics()
        try:
            return answer(self, request, context)
        except Fault as fault:
            diags.add_error(fault.summary, fault.text, path=[fault.attribute] if fault.attribute else None)
        except Exception as error:  # noqa: BLE001 - the last stop before gRPC, which would show nothing at all
            diags.add_error(*_unforeseen(call, error))
        return response(diagnostics=diags.to_pb(), **({"new_state": getattr(request, kept)} if kept else {}))

    return guarded


def _unforeseen(call: str, error: Exception) -> tuple[str, str]:
    """Log the place and return the diagnostic's summary and detail."""
    log_place(call, error)
    return (
        "Fault inside the fleet provider",
        f"{call} ended with {type(error).__name__}. The place is in the provider's log.\n\n"
        "It is not your module's. Report it with the log to the platform team; running again may help.",
    )


for _call in FleetServicer.CALLS:
    _answer = getattr(FleetServicer, _call)
    # __wrapped__ leaves out tf's decorator, which prints whole exceptions to the log.
    setattr(FleetServicer, _call, _guarded(_call, getattr(_answer, "__wrapped__", _answer)))
