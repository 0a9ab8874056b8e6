"""Modules made ready on this host: unpacked from the database, so that edited files change nothing."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from catalog.models import OfferingVersion
from catalog.services.modules import module_unpack
from platform_api.terraform.spec import Template
from platform_api.terraform.templates import template_build
from platform_api.terraform.toolchain import Toolchain


@dataclass
class TemplateShelf:
    """Templates by version; built when first needed, verified each time a process first uses them.

    Attributes:
        folder: Where they are kept on this host.
        toolchain: What they are made ready with.
    """

    folder: Path
    toolchain: Toolchain
    _known: dict[UUID, Template] = field(default_factory=dict)

    def template_of(self, version: OfferingVersion) -> Template:
        """Return the template of a version's module."""
        if version.pk not in self._known:
            with tempfile.TemporaryDirectory(prefix="slipway-module-") as folder:
                module = Path(folder) / "module"
                module_unpack(version=version, destination=module)
                self._known[version.pk] = template_build(module, templates=self.folder, toolchain=self.toolchain)
        return self._known[version.pk]
