package provision.request.reason_test

import data.provision.request.reason
import rego.v1

finding := {
	"code": "reason_missing",
	"msg": "The reason has fewer than 8 characters.",
	"path": ["reason"],
	"remedy": "Say in a few words what it is for.",
}

given_a_short_reason_in_production := {"environment": {"tier": "production"}, "reason": "  seven c  "}

test_a_short_reason_in_production if {
	reason.deny == {finding}
	count(reason.warn) == 0
}

given_a_short_reason_elsewhere := {"reason": "  seven c  "}

test_a_short_reason_elsewhere if {
	reason.warn == {finding}
	count(reason.deny) == 0
}

given_eight_characters := [
	{"environment": {"tier": "production"}, "reason": "for EU 🚀"},
	{"reason": "for EU 🚀"},
]

test_eight_characters if {
	count(reason.deny) == 0
	count(reason.warn) == 0
}

given_a_deprovision_without_a_reason := [
	{"operation": "deprovision", "environment": {"tier": "production"}, "reason": ""},
	{"operation": "deprovision", "reason": ""},
]

test_a_deprovision_without_a_reason if {
	count(reason.deny) == 0
	count(reason.warn) == 0
}

given_a_rotation_without_a_reason := {"operation": "rotate", "environment": {"tier": "production"}, "reason": ""}

test_a_rotation_without_a_reason if {
	count(reason.deny) == 0
	count(reason.warn) == 0
}
