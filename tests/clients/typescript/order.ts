/* Orders a database with generated clients, is shown its credentials, and gives it back.
   slipway.ts is generated from the document of the API, postgres-database.ts from that of the offering. Reads
   {"url", "token", "project", "name"} from standard input and prints what came of it, as JSON. */

import { readFileSync } from "node:fs";
import createClient from "openapi-fetch";
import type { components as database, paths as databasePaths } from "./postgres-database.js";
import type { components, paths } from "./slipway.js";

const WAIT_SECONDS = 30;
const PATIENCE_SECONDS = 30;

type Request = components["schemas"]["RequestShape"];
type Problem = components["schemas"]["Problem"];

function sound<Answer>(answer: { data?: Answer; error?: Problem }): Answer {
  if (answer.data === undefined) {
    throw new Error(`${answer.error?.code}: ${answer.error?.detail}`);
  }
  return answer.data;
}

const given: { url: string; token: string; project: string; name: string } = JSON.parse(readFileSync(0, "utf8"));
const options = { baseUrl: given.url, headers: { Authorization: `Bearer ${given.token}` } };
const client = createClient<paths>(options);
const orders = createClient<databasePaths>(options);

async function finished(requestId: string): Promise<Request> {
  for (;;) {
    const found = sound(
      await client.GET("/api/v1/requests/{request_id}", {
        params: { path: { request_id: requestId }, query: { wait: WAIT_SECONDS } },
      }),
    );
    if (found.status !== "fulfilling" && found.status !== "pending_approval") {
      return found;
    }
  }
}

const order: database["schemas"]["PostgresDatabaseOrder"] = {
  operation: "provision",
  offering: "postgres-database",
  plan: "small",
  project: given.project,
  name: given.name,
  parameters: { connection_limit: 7 },
  reason: "A generated client orders",
};
const header = { "Idempotency-Key": `"${crypto.randomUUID()}"` };
let answer = await orders.POST("/api/v1/requests", { params: { header }, body: order });
for (let tries = 1; answer.response.status === 503 && tries < PATIENCE_SECONDS; tries++) {
  await new Promise((resolve) => setTimeout(resolve, 1000)); // with its key an order may be repeated until it is answered
  answer = await orders.POST("/api/v1/requests", { params: { header }, body: order });
}
const accepted = sound(answer);
const done = await finished(accepted.id);
const named = { path: { resource_id: done.resource.id } };
const resource = sound(await client.GET("/api/v1/resources/{resource_id}", { params: named }));
const credentials = sound(await client.POST("/api/v1/resources/{resource_id}/credentials", { params: named }));
const back = sound(
  await client.DELETE("/api/v1/resources/{resource_id}", { params: { ...named, query: { confirm: resource.name } } }),
);
const gone = await finished(back.id);
const after = sound(await client.GET("/api/v1/resources/{resource_id}", { params: named }));

console.log(
  JSON.stringify({
    ordered: done.status,
    was: resource.status,
    parameters: resource.parameters,
    has_credentials: Boolean(credentials.username && credentials.password),
    given_back: gone.status,
    is: after.status,
  }),
);
