"""How often somebody tried to log in, in the window that is open."""

from django.db import models


class LogInThrottle(models.Model):
    """A count of attempts by name, by address or of codes; the key tells which, and is a keyed digest of whose."""

    key = models.CharField(max_length=80, primary_key=True)
    taken = models.PositiveIntegerField()
    ends_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "log_in_throttle"
        default_permissions = ()
