from catalog.models.connections import Connection
from catalog.models.offerings import Offering, OfferingVersion
from catalog.models.plans import Plan

__all__ = ["Connection", "Offering", "OfferingVersion", "Plan"]
