"""The log-in of the admin site."""

from django.contrib.admin.forms import AdminAuthenticationForm


class LogInForm(AdminAuthenticationForm):
    """Username and password of an overseer; what is wrong is not told apart, so that nobody learns who there is."""

    error_messages = {
        **AdminAuthenticationForm.error_messages,
        "invalid_login": (
            "This username and password do not let you in. Mind upper and lower case; the site is for auditors and"
            " platform admins alone."
        ),
    }
