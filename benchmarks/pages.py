"""A page of fifty requests of a million: the deepest beside the first."""

import itertools
from collections.abc import Mapping
from statistics import median
from typing import Any

import httpx
import psycopg

from benchmarks.figures import say
from benchmarks.load import request_bytes
from benchmarks.rounds import IS_SHORT, PAIRS, sample_take
from benchmarks.stack import Stack

ROWS = 2_000 if IS_SHORT else 1_000_000
DEPTHS = (0.25, 0.5, 0.75, 0.999)
STRIDE = 100
OK = 200

# Of one resource of the project, each row one intent of it: the list does not look at more than that.
_FILL = """
INSERT INTO provisioning_request
SELECT filled.* FROM generate_series(1, %(rows)s) AS n, (
    SELECT request FROM provisioning_request AS request JOIN project ON project.id = project_id
    WHERE slug = %(project)s ORDER BY request.id LIMIT 1
) AS first, jsonb_populate_record(first.request, jsonb_build_object(
    'id', (lpad(to_hex(n), 12, '0') || '70008' || substr(md5(n::text), 1, 15))::uuid,
    'operation', 'update', 'status', 'completed', 'generation', 1000 + n,
    'created_at', (first.request).created_at - interval '1 year', 'completed_at', (first.request).created_at
)) AS filled
"""


def pages_figures(stack: Stack, tokens: Mapping[str, str]) -> dict[str, Any]:
    """Fill the table, and compare pages at several depths with the first one."""
    project, token = next(iter(tokens.items()))
    say(f"making {ROWS} requests")
    with psycopg.connect(stack.superuser_url(), autocommit=True) as superuser:
        superuser.execute("SET session_replication_role = replica")  # triggers and foreign keys hold for what is real
        superuser.execute(_FILL, {"rows": ROWS, "project": project})
        superuser.execute("VACUUM ANALYZE provisioning_request")
    first = f"/api/v1/requests?project={project}"
    addresses = {"first": first, **_addresses(stack, first, token)}
    latencies: dict[str, list[float]] = {name: [] for name in addresses}
    for number in range(PAIRS):
        say(f"pages: {number + 1} of {PAIRS}")
        for name, address in addresses.items():
            asked = itertools.repeat(request_bytes("GET", address, token=token))
            latencies[name].append(sample_take(stack.port, asked, status=OK, connections=1).percentile_ms(50))
    medians = {name: median(found) for name, found in latencies.items()}
    deepest = max(milliseconds for name, milliseconds in medians.items() if name != "first")
    return {
        "page_ratio": round(deepest / medians["first"], 3),
        "page_first_ms": round(medians["first"], 2),
        "page_deepest_ms": round(deepest, 2),
        "page_rows": ROWS,
    }


def _addresses(stack: Stack, first: str, token: str) -> dict[str, str]:
    """Follow the links to the end, as a caller has to, and note where some depths are."""
    found, wanted = dict[str, str](), list(DEPTHS)
    address, seen = f"{first}&limit={STRIDE}", 0
    with httpx.Client(base_url=stack.address, headers={"Authorization": f"Bearer {token}"}, trust_env=False) as http:
        while wanted:
            page = http.get(address).raise_for_status().json()
            seen += len(page["results"])
            address = page["next"]
            if seen >= wanted[0] * ROWS:
                found[str(wanted.pop(0))] = address.replace(f"limit={STRIDE}", "limit=50")
                say(f"pages: at row {seen}")
    return found
