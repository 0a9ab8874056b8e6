"""What people type to come in."""

from django import forms

NAME_LENGTH = 150
PASSWORD_LENGTH = 1024
CODE_LENGTH = 32


class LogInForm(forms.Form):
    """Username and password."""

    username = forms.CharField(
        max_length=NAME_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}),
    )
    password = forms.CharField(
        max_length=PASSWORD_LENGTH,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class CodeForm(forms.Form):
    """A code of the authenticator, or a recovery code."""

    code = forms.CharField(
        max_length=CODE_LENGTH,
        help_text="Six digits of your authenticator, or one of your recovery codes.",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autocapitalize": "none", "autofocus": True}),
    )


class EnrollForm(forms.Form):
    """The first code of a new authenticator."""

    code = forms.CharField(
        label="Code that it shows now",
        max_length=CODE_LENGTH,
        help_text="Six digits. They change every 30 seconds.",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )
