package provision.request.ticket_test

import data.provision.request.ticket
import rego.v1

given_texts_that_are_no_ticket := [
	{"environment": {"tier": "production"}, "ticket": null},
	{"environment": {"tier": "production"}, "ticket": ""},
	{"environment": {"tier": "production"}, "ticket": "shop-142"},
	{"environment": {"tier": "production"}, "ticket": "SHOP142"},
	{"environment": {"tier": "production"}, "ticket": "SHOP-0142"},
	{"environment": {"tier": "production"}, "ticket": "S-1"},
	{"environment": {"tier": "production"}, "ticket": "SHOP-142 and more"},
	{"environment": {"tier": "production"}, "ticket": "see SHOP-142"},
	{"environment": {"tier": "production"}, "ticket": `SHOP-142
`},
]

test_texts_that_are_no_ticket if ticket.deny == {{
	"code": "ticket_missing",
	"msg": "A change of production names its ticket.",
	"path": ["ticket"],
	"remedy": "Add the ticket's key, e.g. SHOP-142.",
}}

given_tickets := [
	{"environment": {"tier": "production"}, "ticket": "SHOP-142"},
	{"environment": {"tier": "production"}, "ticket": "AB-1"},
	{"environment": {"tier": "production"}, "ticket": "A1B2-1234567"},
]

test_tickets if count(ticket.deny) == 0

given_an_update_without_a_ticket := {"operation": "update", "environment": {"tier": "production"}, "ticket": null}

test_an_update_without_a_ticket if count(ticket.deny) == 1

given_no_ticket_outside_of_production := {"ticket": null}

test_no_ticket_outside_of_production if count(ticket.deny) == 0

given_a_deprovision_without_a_ticket := {"operation": "deprovision", "environment": {"tier": "production"}, "ticket": null}

test_a_deprovision_without_a_ticket if count(ticket.deny) == 0

given_a_rotation_without_a_ticket := {"operation": "rotate", "environment": {"tier": "production"}, "ticket": null}

test_a_rotation_without_a_ticket if count(ticket.deny) == 0
