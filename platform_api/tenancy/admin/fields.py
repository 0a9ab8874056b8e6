"""Fields of the admin site's forms: things are named as people name them, by slug or username, and looked up."""

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet

from platform_api.tenancy.models import Project, Team, User
from platform_api.tenancy.models.teams import slug_validator


class SlugField(forms.CharField):
    """The slug of something new."""

    def __init__(self, **options: Any) -> None:
        help_text = "2 to 40 of a-z, 0-9, hyphen; begins with a letter. It stays for good."
        super().__init__(**{"max_length": 40, "validators": [slug_validator], "help_text": help_text, **options})


class NamedField(forms.CharField):
    """Something that is there, by the name that people know.

    Attributes:
        model: What is named.
        noun: What to call such a thing.
        column: Where its name stands.
    """

    model: ClassVar[type[Model]]
    noun: ClassVar[str]
    column: ClassVar[str] = "slug"

    def clean(self, value: Any) -> Any:
        """Return the thing; None where nothing was typed and nothing has to be.

        Raises:
            ValidationError: There is none of this name.
        """
        name = super().clean(value)
        if not name:
            return None
        rows: QuerySet[Model] = QuerySet(self.model)
        found = rows.filter(**{self.column: name}).first()
        if found is None:
            raise ValidationError(f"There is no {self.noun} {name[:64]}.")
        return found


class TeamField(NamedField):
    """A team, by slug."""

    model, noun = Team, "team"


class ProjectField(NamedField):
    """A project, by slug."""

    model, noun = Project, "project"


class UserField(NamedField):
    """A user, by username."""

    model, noun = User, "user"
    column = "username"


class WordsField(forms.CharField):
    """Several words in one line, separated by blanks or commas; each is read, and all mistakes are told.

    Args:
        read: Turns a word into a value; raises ValueError for one that is of no use.
    """

    def __init__(self, *, read: Callable[[str], Any] = str, **options: Any) -> None:
        self.read = read
        super().__init__(**options)

    def prepare_value(self, value: Any) -> Any:
        """Return what the field shows."""
        return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value

    def clean(self, value: Any) -> list[Any]:
        """Return the values.

        Raises:
            ValidationError: Names every word that is of no use.
        """
        values, wrong = [], []
        for word in super().clean(value).replace(",", " ").split():
            try:
                values.append(self.read(word))
            except ValueError:
                wrong.append(word[:64])
        if wrong:
            raise ValidationError(f"These are of no use: {', '.join(wrong)}.")
        return values


def team_of(slug: str) -> Team:
    """Return a team by slug, as ``WordsField`` reads one.

    Raises:
        ValueError: There is none.
    """
    team = Team.objects.filter(slug=slug).first()
    if team is None:
        raise ValueError(slug)
    return team
