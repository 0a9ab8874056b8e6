"""Runs: watched, read, canceled."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import msgspec
from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from platform_api.core.callers import Caller
from platform_api.core.http.conditions import IF_NONE_MATCH, shown
from platform_api.core.http.document.operations import operation
from platform_api.core.http.filters import Choice, Filter, between
from platform_api.core.http.paging import Places
from platform_api.core.http.shapes import body_read, shape_response
from platform_api.core.http.views import ListView
from platform_api.core.http.waiting import WAIT, held, wait_seconds
from platform_api.core.shapes import Body
from platform_api.tenancy.api.permissions import caller_of
from platform_api.tenancy.models.scopes import Scope
from platform_api.tenancy.selectors.projects import RoleMissingError
from platform_api.tenancy.selectors.sight import Sight
from provisioning.api.filters import OF_PROJECT, OF_RESOURCE, project_places
from provisioning.models import Run
from provisioning.selectors.resources import run_get, runs_seen
from provisioning.selectors.shapes import RunShape, run_shape
from provisioning.services.runs import RunFinalError, run_cancel
from provisioning.states import FINAL_RUN, Operation, RunStatus


class RunList(ListView):
    """Runs of the caller's projects."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.REQUESTS_READ}
    noun = "run"
    shape = RunShape
    filters: ClassVar[Mapping[str, Filter]] = {
        "project": OF_PROJECT,
        "resource": OF_RESOURCE,
        "status": Choice(description="Where it stands.", lookup="status", choices=tuple(RunStatus.values)),
        "operation": Choice(description="What it is for.", lookup="operation", choices=tuple(Operation.values)),
        **between("created_at", name="created"),
    }

    def find(self, request: Request, **filters: Any) -> QuerySet[Any]:
        """Return visible runs."""
        return runs_seen(Sight.of(caller_of(request)))

    def places(self, request: Request) -> Sequence[Places]:
        """Return the projects that the caller sees."""
        return project_places(request)

    def show(self, row: Run) -> RunShape:
        """Return one run in its shape."""
        return run_shape(row)


class RunDetail(APIView):
    """One run."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.REQUESTS_READ}

    @operation("run_get", responses={200: RunShape}, parameters=[IF_NONE_MATCH, WAIT])
    def get(self, request: Request, run_id: str) -> HttpResponse:
        """Show a run: steps, progress, plan, failure."""
        seconds = wait_seconds(request)

        def read(caller: Caller) -> Run:
            return run_get(caller=caller, run=run_id)

        found = read(caller_of(request))
        end = held(found, request=request, read=read, is_final=lambda run: run.status in FINAL_RUN, seconds=seconds)
        return shown(request, run_shape(end.found), headers=end.headers)


class CancelBody(Body):
    """Why a run shall stop."""

    reason: Annotated[str, msgspec.Meta(max_length=2000)] = ""


class RunCancel(APIView):
    """Stops a run."""

    scopes: ClassVar[dict[str, Scope]] = {"POST": Scope.REQUESTS_WRITE}

    @operation("run_cancel", request=CancelBody, responses={202: RunShape}, raises=(RunFinalError, RoleMissingError))
    def post(self, request: Request, run_id: str) -> HttpResponse:
        """Ask a run to stop: at once if it waits, politely if it works.

        An apply that has begun may still finish; the run's ``status`` says in the end which it was.
        """
        body = body_read(CancelBody, request.data)
        run = run_cancel(caller=caller_of(request), run=run_id, reason=body.reason)
        return shape_response(run_shape(run), status=202)
