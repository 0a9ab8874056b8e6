"""The OpenAPI document: what stands around the operations."""

from typing import Any

from platform_api.settings.version import version

DESCRIPTION = """Order databases, queues and whole environments; see who did what, and why.

An order is answered at once with `202 Accepted` and carried out by workers: watch it at `Location`, or send `?wait=30`
and the answer is held until it is final. Send an `Idempotency-Key` with every order, and it is safe to send it again.

Every refusal is a problem document (RFC 9457) with a permanent `code`; what each means and what to do stands at
[/docs/problems/](/docs/problems/). A thing that is not yours to see is answered like one that is not there.

Ids begin with the kind of thing (`req_…`, `res_…`). Times are RFC 3339 in UTC. What is absent is `null`, never a
missing key; be ready for members that are new. A body with a member that is not known is refused.

What an offering lets you set differs from one to the next: `GET /api/v1/offerings/{offering}/openapi` is a document
like this one, with the typed order of that offering.
"""

TAGS = (
    ("offerings", "What can be ordered: sizes, prices, and the parameters of each as a JSON Schema."),
    (
        "requests",
        "Asks: for something new, a change, new credentials, an end. Each is kept with its reason.",
    ),
    ("runs", "What workers do for a request: steps, progress, the plan, the log."),
    ("resources", "What exists: outputs, credentials, and the short forms of asks to change it."),
    ("environments", "Named groups of resources in a project; ordered as one where an offering composes them."),
    ("projects", "Where things are ordered; a project belongs to a team."),
    ("teams", "Who owns projects."),
    ("quotas", "How much a project or a team may hold, and holds."),
    ("policies", "The rules that every ask is judged by."),
    ("tokens", "What programs call with: made, rotated and ended by their owner."),
    ("auth", "How CI jobs log in without keeping a secret."),
    ("audit-events", "Who did what, to what, why, and what came of it."),
)
"""The document's chapters, in the order in which a newcomer needs them; each is a noun of the addresses."""

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Slipway",
    "VERSION": version(),
    "DESCRIPTION": DESCRIPTION,
    "CONTACT": {"name": "The platform team that runs this service"},
    "LICENSE": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    "SERVERS": [{"url": "/", "description": "The service that shows this document."}],
    "TAGS": [{"name": name, "description": description} for name, description in TAGS],
    "DEFAULT_GENERATOR_CLASS": "platform_api.core.http.document.parts.KeptGenerator",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v[0-9]",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": False,  # what goes in and what comes out are different classes
    "COMPONENT_SPLIT_PATCH": False,
    "POSTPROCESSING_HOOKS": [],  # structs name their choices in place
    "ENUM_NAME_OVERRIDES": {
        "Availability": "catalog.models.offerings.Availability",
        "VersionStatus": "catalog.models.offerings.VersionStatus",
    },
}
