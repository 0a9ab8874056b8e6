"""The triggers that tell of ends know the very statuses that the lifecycles call final."""

import re
from collections.abc import Collection

import pytest
from django.db import connection

from platform_api.core.waiting import CHANNEL
from provisioning.states import FINAL_REQUEST, FINAL_RUN


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("trigger", "final"), [("provisioning_request_is_final", FINAL_REQUEST), ("run_is_final", FINAL_RUN)]
)
def test_a_trigger_tells_of_each_final_status_and_of_no_other(trigger: str, final: Collection[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = %s", [trigger])
        ((definition,),) = cursor.fetchall()
    assert set(re.findall(r"'(\w+)'", definition)) == set(final)


@pytest.mark.django_db
def test_it_speaks_on_the_channel_that_is_listened_to() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = 'final_notify'")
        ((source,),) = cursor.fetchall()
    assert set(re.findall(r"pg_notify\('(\w+)'", source)) == {CHANNEL}
