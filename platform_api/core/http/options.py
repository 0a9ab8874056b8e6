"""What ``OPTIONS`` is answered: the methods of the address in ``Allow``, and nothing else."""

from typing import TYPE_CHECKING

from rest_framework.metadata import BaseMetadata
from rest_framework.request import Request

if TYPE_CHECKING:  # REST framework's views import this module by way of its settings
    from rest_framework.views import APIView


class AllowedMethods(BaseMetadata):
    """No body: what a route takes stands in the OpenAPI document."""

    def determine_metadata(self, request: Request, view: "APIView") -> None:
        """Return nothing; REST framework sets ``Allow`` on every answer."""
