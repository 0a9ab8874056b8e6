package provision.request.previews_test

import data.provision.request.previews
import rego.v1

given_a_preview_without_an_expiry := {"environment": {"name": "pr-7", "is_ephemeral": true}}

test_a_preview_without_an_expiry if previews.deny == {{
	"code": "preview_without_expiry",
	"msg": "Preview pr-7 has no expiry.",
	"path": ["environment"],
	"remedy": "Give it an expiry within 14 days.",
}}

given_a_preview_of_more_than_fourteen_days := {"environment": {
	"name": "pr-7",
	"is_ephemeral": true,
	"expires_at": "2026-12-05T08:00:00.001+00:00",
}}

test_a_preview_of_more_than_fourteen_days if previews.deny == {{
	"code": "preview_expires_late",
	"msg": "Preview pr-7 lives longer than 14 days.",
	"path": ["environment"],
	"remedy": "Give it an expiry within 14 days; it can be extended later.",
}}

given_a_preview_of_fourteen_days := {"environment": {
	"is_ephemeral": true,
	"expires_at": "2026-12-05T08:00:00.000+00:00",
}}

test_a_preview_of_fourteen_days if count(previews.deny) == 0

given_what_is_no_preview := [{}, {"environment": {"expires_at": "2027-12-05T08:00:00.000+00:00"}}]

test_what_is_no_preview if count(previews.deny) == 0

given_a_deprovision_of_a_preview := [
	{"operation": "deprovision", "environment": {"is_ephemeral": true}},
	{"operation": "deprovision", "environment": {"is_ephemeral": true, "expires_at": "2027-12-05T08:00:00.000+00:00"}},
]

test_a_deprovision_of_a_preview if count(previews.deny) == 0
