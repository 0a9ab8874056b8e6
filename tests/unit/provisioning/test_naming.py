import re
from pathlib import Path
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from platform_api.tenancy.models.teams import SLUG_PATTERN
from provisioning.models.resources import PHYSICAL_NAME_LENGTH
from provisioning.services.ordering.naming import physical_name_make

VARIABLES = Path(__file__).parents[3] / "terraform_modules" / "postgres-database" / "variables.tf"
slugs = st.from_regex(SLUG_PATTERN, fullmatch=True)
ids = st.uuids()


def pattern_of_the_module() -> str:
    """Return what ``variables.tf`` says of a name, so that the two cannot disagree."""
    found = re.search(r'regex\("(\^\[a-z\][^"]+)", var\.name\)', VARIABLES.read_text(encoding="utf-8"))
    assert found is not None
    return found[1]


@given(project=slugs, environment=slugs, name=slugs, resource_id=ids)
def test_a_name_is_one_that_the_module_takes(project: str, environment: str, name: str, resource_id: UUID) -> None:
    made = physical_name_make(project=project, environment=environment, name=name, resource_id=resource_id)
    assert re.fullmatch(pattern_of_the_module(), made)
    assert len(made) <= PHYSICAL_NAME_LENGTH
    assert not made.startswith("pg_")


@given(project=slugs, environment=slugs, name=slugs, first=ids, second=ids)
def test_other_resources_have_other_names_whatever_they_are_called(
    project: str, environment: str, name: str, first: UUID, second: UUID
) -> None:
    names = {
        physical_name_make(project=project, environment=environment, name=name, resource_id=resource_id)
        for resource_id in (first, second)
    }
    assert len(names) == len({first, second})


@given(project=slugs, environment=slugs, name=slugs, resource_id=ids)
def test_the_same_resource_has_the_same_name_each_time(
    project: str, environment: str, name: str, resource_id: UUID
) -> None:
    assert physical_name_make(
        project=project, environment=environment, name=name, resource_id=resource_id
    ) == physical_name_make(project=project, environment=environment, name=name, resource_id=resource_id)


def test_a_name_can_be_read_as_long_as_it_fits() -> None:
    made = physical_name_make(project="checkout", environment="pr-7", name="orders", resource_id=UUID(int=1))
    assert re.fullmatch(r"checkout_pr_7_orders_[0-9a-f]{8}", made)


def test_a_long_name_is_cut_and_keeps_its_mark() -> None:
    made = physical_name_make(project="a" * 40, environment="b" * 40, name="c" * 40, resource_id=UUID(int=1))
    assert re.fullmatch(r"a{40}_b{13}_[0-9a-f]{8}", made)


def test_a_project_called_pg_does_not_take_names_that_postgresql_keeps_for_itself() -> None:
    made = physical_name_make(project="pg", environment="default", name="orders", resource_id=UUID(int=1))
    assert re.fullmatch(r"x_pg_default_orders_[0-9a-f]{8}", made)
