"""The API against a model of it: ten lives of fifteen steps; with ``LONG=1`` two hundred of forty (``make fuzz``)."""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.integration.provisioning.house import House
from tests.integration.provisioning.stateful.machine import ApiAgainstModel

LIVES, STEPS = (200, 40) if os.environ.get("LONG") else (10, 15)


@pytest.mark.timeout(0 if os.environ.get("LONG") else 240)
def test_the_api_and_the_model_agree_whatever_people_and_workers_do(house: House) -> None:
    class Machine(ApiAgainstModel):
        pass

    Machine.house = house
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=LIVES,
            stateful_step_count=STEPS,
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
