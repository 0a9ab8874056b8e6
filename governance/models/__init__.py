from governance.models.decisions import PolicyDecision, PolicyOutcome
from governance.models.quotas import EntryMove, Pool, Quota, QuotaEntry, ScopeType

__all__ = ["EntryMove", "PolicyDecision", "PolicyOutcome", "Pool", "Quota", "QuotaEntry", "ScopeType"]
