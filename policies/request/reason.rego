# Who reads the history later should not have to guess. Production insists; elsewhere it is a hint.
package provision.request.reason

import data.provision.request.scope
import rego.v1

shortest := 8

deny contains finding if {
	scope.production
	some finding in missing
}

warn contains finding if {
	not scope.production
	some finding in missing
}

missing contains finding if {
	scope.changes
	count(trim_space(input.reason)) < shortest
	finding := {
		"code": "reason_missing",
		"msg": sprintf("The reason has fewer than %d characters.", [shortest]),
		"path": ["reason"],
		"remedy": "Say in a few words what it is for.",
	}
}
