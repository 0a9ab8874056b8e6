package provision.request.cost_test

import data.provision.request.cost
import rego.v1

given_a_high_cost := {"plan": {"monthly_cost": {"amount": "100.01"}}}

test_a_high_cost if cost.warn == {{
	"code": "cost_is_high",
	"msg": "Plan small costs 100.01 EUR a month.",
	"path": ["plan"],
	"remedy": "See whether a smaller plan will do.",
}}

given_a_high_cost_in_dollars := {"plan": {"monthly_cost": {"amount": "110.01", "currency": "USD"}}}

test_a_high_cost_in_dollars if count(cost.warn) == 1

given_the_figures_themselves := [
	{"plan": {"monthly_cost": {"amount": "100.00"}}},
	{"plan": {"monthly_cost": {"amount": "110.00", "currency": "USD"}}},
]

test_the_figures_themselves if count(cost.warn) == 0

given_a_currency_without_a_figure := {"plan": {"monthly_cost": {"amount": "1.00", "currency": "CHF"}}}

test_a_currency_without_a_figure if cost.warn == {{
	"code": "cost_is_unknown",
	"msg": "No figure says what is much in CHF.",
	"path": ["plan"],
	"remedy": "Tell the platform team; the order itself is fine.",
}}

given_a_deprovision_of_what_costs_much := [
	{"operation": "deprovision", "plan": {"monthly_cost": {"amount": "900.00"}}},
	{"operation": "deprovision", "plan": {"monthly_cost": {"currency": "CHF"}}},
]

test_a_deprovision_of_what_costs_much if count(cost.warn) == 0
