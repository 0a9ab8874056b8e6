"""Serializers: input refuses what it does not know, output never hides a key."""

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any
from uuid import UUID

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from rest_framework import serializers
from rest_framework.fields import empty

from platform_api.core.ids import Prefix, show

if TYPE_CHECKING:
    from drf_spectacular.openapi import AutoSchema
    from drf_spectacular.utils import Direction


class InputSerializer(serializers.Serializer[Any]):
    """Reads a body; an unknown field is an error that names the nearest known one."""

    def to_internal_value(self, data: Any) -> Any:
        """Judge unknown fields together with all the others."""
        known = super().to_internal_value
        if not isinstance(data, dict):
            return known(data)
        unknown = {name: [self._unknown(name)] for name in data if name not in self.fields}
        try:
            value = known(data)
        except serializers.ValidationError as error:
            if not isinstance(error.detail, dict):
                raise
            raise serializers.ValidationError({**error.detail, **unknown}) from None
        if unknown:
            raise serializers.ValidationError(unknown)
        return value

    def run_validation(self, data: Any = empty) -> Any:
        """Take an absent body for an empty object, so that missing fields are named."""
        return super().run_validation({} if data is empty or data is None else data)

    def _unknown(self, name: str) -> serializers.ErrorDetail:
        near = get_close_matches(name, self.fields, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        return serializers.ErrorDetail(f"There is no field {name[:80]!r}.{hint}", code="unknown_field")


class TypeIdField(serializers.Field[UUID, str, str, Any]):
    """An id as people see it; for output."""

    def __init__(self, prefix: Prefix, **options: Any) -> None:
        self.prefix = prefix
        super().__init__(read_only=True, **options)

    def to_representation(self, value: UUID) -> str:
        """Return prefix, underscore, base 32."""
        return show(self.prefix, value)


class TypeIdFieldSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # an untyped registry
    """Tells the OpenAPI document about ids: their prefix is part of the contract."""

    target_class = TypeIdField

    def map_serializer_field(self, auto_schema: "AutoSchema", direction: "Direction") -> dict[str, Any]:
        """Return a string with the pattern of a TypeID of this kind."""
        return {"type": "string", "pattern": f"^{self.target.prefix.value}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"}
