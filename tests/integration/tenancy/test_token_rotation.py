"""A token is rotated over the API: another of its family takes its place, and reaches as far."""

from datetime import timedelta
from typing import Any

import pytest

from platform_api.audit.models import AuditEvent
from platform_api.core import clock
from platform_api.core.ids import Prefix, parse, show
from platform_api.tenancy.models import ApiToken
from platform_api.tenancy.models.scopes import Scope
from platform_api.tenancy.services.tokens import token_revoke
from tests.integration.tenancy.tokens import DAY, TOKENS, address, findings, make, narrow, rows, token_of
from tests.people import TESTS, People, Person


def test_a_rotation_takes_the_place_of_its_token_with_the_same_reach_and_end(people: People) -> None:
    end = clock.now() + 5 * DAY
    person = narrow(people.owner, project=people.checkout, networks=["127.0.0.0/8"], expires_at=end)
    old = token_of(person)
    answer = person.client.post(f"{address(old)}/rotate")
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["family"], made["project"]) == (show(Prefix.API_TOKEN, old.pk), "checkout")
    new = ApiToken.objects.get(pk=parse(Prefix.API_TOKEN, made["id"]))
    same = ("user_id", "kind", "name", "scopes", "project_id", "team_id", "networks", "expires_at")
    assert [getattr(new, each) for each in same] == [getattr(old, each) for each in same]
    assert person.client.get(f"{TOKENS}/current").status_code == 401
    fresh = Person(people.owner.user, made["secret"])
    again = fresh.client.post(f"{TOKENS}/{made['id']}/rotate").json()
    assert again["family"] == made["family"]
    (event,) = AuditEvent.objects.filter(action="token.rotated", object_id=old.pk)
    assert event.after == {"by": made["id"], "overlap_seconds": 0}


def test_a_rotated_token_goes_on_for_as_long_as_was_said_and_is_rotated_once(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = narrow(people.owner)
    old = token_of(person)
    begun = clock.now()
    made = person.client.post(f"{address(old)}/rotate", {"overlap_seconds": 60}, format="json").json()
    shown = person.client.get(address(old)).json()
    assert (shown["status"], shown["revoked_at"]) == ("in_force", None)
    assert shown["rotated_at"]
    old.refresh_from_db()
    assert timedelta(0) <= old.expires_at - begun - timedelta(seconds=60) < timedelta(seconds=60)
    again = person.client.post(f"{address(old)}/rotate")
    assert (again.status_code, again.json()["code"]) == (409, "token_ended")
    late = make(person, expires_at=(begun + timedelta(hours=1)).isoformat())
    assert findings(late) == {("#/expires_at", "beyond_own_token")}
    monkeypatch.setattr(clock, "now", lambda: old.expires_at)
    assert person.client.get(address(old)).json()["code"] == "token_expired"
    assert Person(people.owner.user, made["secret"]).client.get(address(old)).json()["status"] == "expired"


@pytest.mark.parametrize("seconds", [-1, 86401, 1.5, "60", None])
def test_an_overlap_out_of_bounds_is_refused(people: People, seconds: Any) -> None:
    token = token_of(people.owner)
    before = rows()
    assert findings(people.owner.client.post(f"{address(token)}/rotate", {"overlap_seconds": seconds}, format="json"))
    assert rows() == before


def test_a_narrower_token_rotates_none_that_reaches_further(people: People) -> None:
    wide, narrowed = token_of(people.owner), narrow(people.owner, scopes={Scope.TENANCY_WRITE})
    token_of(narrowed)
    before = rows()
    answer = narrowed.client.post(f"{address(wide)}/rotate")
    assert (answer.status_code, answer.json()["code"]) == (403, "token_wider")
    assert rows() == before


def test_a_revoked_token_is_not_rotated(people: People) -> None:
    ended = token_of(narrow(people.owner, expires_at=clock.now() + DAY))
    token_revoke(token=ended, caller=TESTS)
    answer = people.owner.client.post(f"{address(ended)}/rotate")
    assert (answer.status_code, answer.json()["code"]) == (409, "token_ended")
