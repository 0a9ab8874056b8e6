# A preview that nobody ends costs money until somebody notices.
package provision.request.previews

import data.provision.request.scope
import rego.v1

most_days := 14

day := ((24 * 60) * 60) * 1000000000

deny contains finding if {
	scope.changes
	input.environment.is_ephemeral
	input.environment.expires_at == null
	finding := {
		"code": "preview_without_expiry",
		"msg": sprintf("Preview %s has no expiry.", [input.environment.name]),
		"path": ["environment"],
		"remedy": sprintf("Give it an expiry within %d days.", [most_days]),
	}
}

deny contains finding if {
	scope.changes
	input.environment.is_ephemeral
	is_string(input.environment.expires_at)
	time.parse_rfc3339_ns(input.environment.expires_at) - time.parse_rfc3339_ns(input.now) > most_days * day
	finding := {
		"code": "preview_expires_late",
		"msg": sprintf("Preview %s lives longer than %d days.", [input.environment.name, most_days]),
		"path": ["environment"],
		"remedy": sprintf("Give it an expiry within %d days; it can be extended later.", [most_days]),
	}
}
