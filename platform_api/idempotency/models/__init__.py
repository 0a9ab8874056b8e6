from platform_api.idempotency.models.keys import IdempotencyKey

__all__ = ["IdempotencyKey"]
