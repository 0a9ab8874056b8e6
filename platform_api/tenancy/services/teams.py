"""Teams and projects are made and renamed, and roles on them given and taken."""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from guardian.shortcuts import assign_perm, remove_perm

from platform_api.audit.services.events import event_record
from platform_api.core.callers import Caller
from platform_api.core.errors import ConflictError
from platform_api.tenancy.models import Project, Team, User
from platform_api.tenancy.models.roles import Role


class SlugTakenError(ConflictError):
    """Another team or project has this slug already."""

    code = "name_taken"
    title = "The name is taken"
    remedy = "Choose another slug."


Owner = TypeVar("Owner", Team, Project)


def team_create(*, slug: str, name: str, caller: Caller) -> Team:
    """Make a team.

    Raises:
        SlugTakenError: There is one with this slug.
    """
    try:
        with transaction.atomic():
            team = Team.objects.create(slug=slug, name=name)
            event_record(
                caller=caller,
                action="team.created",
                object_type="team",
                object_id=team.pk,
                object_name=slug,
                team_id=team.pk,
                after={"slug": slug, "name": name},
            )
    except IntegrityError as error:
        msg = f"There is a team {slug} already."
        raise SlugTakenError(msg) from error
    return team


def project_create(*, team: Team, slug: str, name: str, caller: Caller) -> Project:
    """Make a project of a team.

    Raises:
        SlugTakenError: There is one with this slug, in whatever team.
    """
    try:
        with transaction.atomic():
            project = Project.objects.create(team=team, slug=slug, name=name)
            event_record(
                caller=caller,
                action="project.created",
                object_type="project",
                object_id=project.pk,
                object_name=slug,
                team_id=team.pk,
                project_id=project.pk,
                after={"slug": slug, "name": name, "team": team.slug},
            )
    except IntegrityError as error:
        msg = f"There is a project {slug} already."
        raise SlugTakenError(msg) from error
    return project


def team_rename(*, team: Team, name: str, caller: Caller) -> Team:
    """Give a team another name; the same one changes nothing. Its slug stays: addresses and physical names hold it."""
    return _rename(team, noun="team", name=name, caller=caller)


def project_rename(*, project: Project, name: str, caller: Caller) -> Project:
    """Give a project another name; the same one changes nothing. Its slug stays, as a team's does."""
    return _rename(project, noun="project", name=name, caller=caller)


def _rename(owner: Owner, *, noun: str, name: str, caller: Caller) -> Owner:
    with transaction.atomic():
        rows: QuerySet[Owner] = QuerySet(type(owner))
        locked: Owner = rows.select_for_update(no_key=True).get(pk=owner.pk)
        before, locked.name = locked.name, name
        if before != name:
            locked.save(update_fields=["name"])
            _record(locked, caller=caller, action=f"{noun}.renamed", before={"name": before}, after={"name": name})
    return locked


def role_grant(*, user: User, role: Role, on: Team | Project, caller: Caller) -> None:
    """Give a user a role on a team or project; giving it twice changes nothing."""
    with transaction.atomic():
        assign_perm(role.value, user, on)
        _record_role(user=user, role=role, on=on, caller=caller, action="role.granted")


def role_revoke(*, user: User, role: Role, on: Team | Project, caller: Caller) -> None:
    """Take a role from a user; takes effect with the user's next call."""
    with transaction.atomic():
        remove_perm(role.value, user, on)
        _record_role(user=user, role=role, on=on, caller=caller, action="role.revoked")


def _record_role(*, user: User, role: Role, on: Team | Project, caller: Caller, action: str) -> None:
    _record(on, caller=caller, action=action, after={"user": user.username, "role": role.value})


def _record(
    on: Team | Project,
    *,
    caller: Caller,
    action: str,
    after: Mapping[str, Any],
    before: Mapping[str, Any] | None = None,
) -> None:
    is_project = isinstance(on, Project)
    event_record(
        caller=caller,
        action=action,
        object_type="project" if is_project else "team",
        object_id=on.pk,
        object_name=on.slug,
        team_id=on.team_id if isinstance(on, Project) else on.pk,
        project_id=on.pk if is_project else None,
        before=before,
        after=after,
    )
