"""Template tags of the admin site."""

from django.template import Library
from django.utils.safestring import SafeString

from platform_api.core.admin import cells

register = Library()


@register.filter
def cell(value: object) -> SafeString:
    """Show a value as its kind asks for; see ``cells.cell``."""
    return cells.cell(value)


@register.filter
def status(word: str) -> SafeString:
    """Show a word as a status."""
    return cells.cell(cells.Status(word))
