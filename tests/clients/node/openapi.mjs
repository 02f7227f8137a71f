// The OpenAPI document: Redocly's validator finds no error in it, and openapi-typescript makes types of it that compile
// and with which openapi-fetch asks.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import createClient from "openapi-fetch";
import { DOCUMENTS, KEY, QUERY, URL, checkOrder } from "./common.mjs";

const answer = await fetch(`${URL}/schema`, { headers: { "X-API-Key": KEY } });
writeFileSync("openapi.json", await answer.text());
const quiet = { stdio: "pipe", env: { ...process.env, REDOCLY_TELEMETRY: "off" } };
execFileSync("npx", ["redocly", "lint", "openapi.json", "--extends", "minimal"], quiet);
execFileSync("npx", ["openapi-typescript", "openapi.json", "-o", "types.ts"], quiet);
writeFileSync(
  "typed.ts",
  `import type { components, paths } from "./types";
const body: components["schemas"]["SearchBody"] = { text: "a mug" };
const ranked: components["schemas"]["DocumentsBody"] = { query: "a", documents: ["b", { text: "c", image: "data:" }] };
export type Answer = paths["/v1/search"]["post"]["responses"]["200"]["content"]["application/json"];
export const rank = (answer: Answer): number[] => answer.results.map((result) => result.rank);
export const used = [body, ranked];
`,
);
execFileSync("npx", ["tsc", "--noEmit", "--strict", "--skipLibCheck", "types.ts", "typed.ts"], quiet);

const client = createClient({ baseUrl: URL, headers: { "X-API-Key": KEY } });
const { data } = await client.POST("/v1/rerank", { body: { query: QUERY, documents: DOCUMENTS, top_n: 2 } });
checkOrder(data.results.map((result) => result.index), 2);
const { error } = await client.POST("/v1/search", { body: { text: "" } });
assert.equal(error.error.code, "empty-query");
