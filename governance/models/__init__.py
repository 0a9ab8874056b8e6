from governance.models.quotas import EntryMove, Pool, Quota, QuotaEntry, ScopeType

__all__ = ["EntryMove", "Pool", "Quota", "QuotaEntry", "ScopeType"]
