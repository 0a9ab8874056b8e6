"""Components: the resources that a composed environment was ordered with, and which of them needs which."""

from django.db import models
from django.db.models import F, Q

from provisioning.models.environments import Environment
from provisioning.models.resources import Resource


class Component(models.Model):
    """A resource's part in a composed environment; written with the order, and never changed."""

    resource = models.OneToOneField(Resource, primary_key=True, on_delete=models.PROTECT, related_name="component")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="components")
    name = models.CharField(max_length=40)

    class Meta:
        db_table = "component"
        ordering = ["resource"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["environment", "name"], name="component_name_is_taken_once"),
        ]

    def __str__(self) -> str:
        return self.name


class ComponentNeed(models.Model):
    """One component takes something of another: it is made after that one, and goes before it.

    Ids grow with time, and a component's is made after those that it needs: that a need has the smaller id is all that
    the database has to see to for needs never to go round in a circle.

    Attributes:
        takes: Parameter of the component → output of the other one.
    """

    pk = models.CompositePrimaryKey("component_id", "needed_id")
    component = models.ForeignKey(Component, on_delete=models.PROTECT, related_name="needs")
    needed = models.ForeignKey(Component, on_delete=models.PROTECT, related_name="dependants")
    takes = models.JSONField()

    class Meta:
        db_table = "component_need"
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=Q(needed__lt=F("component")), name="component_need_goes_in_no_circle"),
        ]

    def __str__(self) -> str:
        return f"{self.component_id} needs {self.needed_id}"
