"""Idempotency keys: the same order twice is one order."""

from django.apps import AppConfig


class IdempotencyConfig(AppConfig):
    """Keys that callers gave, and what they were answered."""

    name = "platform_api.idempotency"
    label = "idempotency"
    verbose_name = "Idempotency"
