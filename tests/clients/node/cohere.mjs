// Cohere's client, both interfaces: rerank and embed.
import assert from "node:assert/strict";
import { CohereClient, CohereClientV2 } from "cohere-ai";
import { DOCUMENTS, KEY, MODEL, QUERY, URL, checkOrder, checkVectors } from "./common.mjs";

const settings = { token: KEY, environment: URL, baseUrl: URL };
const first = new CohereClient(settings);
const second = new CohereClientV2(settings);
for (const client of [first, second]) {
  const ranked = await client.rerank({ model: MODEL, query: QUERY, documents: DOCUMENTS, topN: 2 });
  checkOrder(ranked.results.map((result) => result.index), 2);
  assert.ok(ranked.meta.apiVersion.version);
}
const vectors = await second.embed({
  model: MODEL,
  texts: DOCUMENTS,
  inputType: "search_document",
  embeddingTypes: ["float"],
});
checkVectors(vectors.embeddings.float, 3);
