"""What lists leave in the database: the long columns of the versions that their rows name."""

from pathlib import Path

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models.offerings import LONG_COLUMNS
from tests.integration.admin.site import browser, list_of
from tests.integration.provisioning import trio
from tests.integration.provisioning.house import House


def long_columns_read(client: Client, address: str) -> set[str]:
    """Return the long columns of versions that an answer was made from."""
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address, follow=True).status_code == 200
    sql = " ".join(query["sql"] for query in captured)
    assert '"offering_version"."version"' in sql
    return {column for column in LONG_COLUMNS if f'"offering_version"."{column}"' in sql}


def test_lists_of_the_admin_site_read_no_long_column(house: House, tmp_path: Path) -> None:
    trio.publish(tmp_path)
    shown, auditor = trio.ordered(house), browser(house.people.auditor.user)
    lists = [list_of(plural) for plural in ("Requests", "Runs", "Resources", "Environments", "Offering versions")]
    for address in (*lists, f"/admin/id/{shown}/"):
        assert long_columns_read(auditor, address) == set(), address


def test_lists_of_the_api_read_no_long_column_but_where_credentials_are_said(house: House, tmp_path: Path) -> None:
    trio.publish(tmp_path)
    shown, owner = trio.ordered(house), house.owner.client
    for address, needed in (
        ("/api/v1/projects/checkout/environments", set()),
        (f"/api/v1/environments/{shown}", set()),
        ("/api/v1/requests", set()),
        ("/api/v1/resources", {"manifest"}),
    ):
        assert long_columns_read(owner, address) == needed, address
