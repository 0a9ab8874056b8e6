"""Celery carries hints, never truth: early acknowledgement, no results, no waiting on a frozen broker."""

from typing import Any

from platform_api.settings import env

BROKER_TIMEOUT_SECONDS = 2
"""A frozen broker blocks its caller for this long at most; without it, sends were seen to block for 40 s."""

TASKS_PER_CHILD = 50
"""A pool child is replaced after so many tasks, which bounds what a leak can grow to."""


def celery() -> dict[str, Any]:
    """Return Celery's configuration, named as Celery names it."""
    return {
        "broker_url": env.secret("REDIS_URL"),
        "broker_transport_options": {
            "socket_timeout": BROKER_TIMEOUT_SECONDS,
            "socket_connect_timeout": BROKER_TIMEOUT_SECONDS,
            "max_retries": 0,  # of a connect within one send; the default pauses 2 s and tries again
        },
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # for ever: the default ends the worker after a hundred
        "task_acks_late": False,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_default_queue": "runs",
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        "worker_max_tasks_per_child": TASKS_PER_CHILD,
        # Else Celery closes the connection to the database after each task, and the next pays for a fresh one: its
        # log-in, and a server process that has everything to learn again.
        "CELERY_DB_REUSE_MAX": TASKS_PER_CHILD,
        "worker_hijack_root_logger": False,
        "worker_send_task_events": False,
    }
