// OpenAI's client: vectors, models, and the words of an error.
import assert from "node:assert/strict";
import OpenAI from "openai";
import { DOCUMENTS, KEY, MODEL, URL, checkVectors } from "./common.mjs";

const client = new OpenAI({ baseURL: `${URL}/v1`, apiKey: KEY, maxRetries: 0 });
const answer = await client.embeddings.create({ model: MODEL, input: DOCUMENTS });
checkVectors(answer.data.map((item) => item.embedding), 3);
const models = [];
for await (const model of client.models.list()) models.push(model.id);
assert.ok(models.includes(MODEL));
await assert.rejects(client.embeddings.create({ model: "text-embedding-3-small", input: "a" }), (error) => {
  assert.equal(error.status, 400);
  assert.match(error.message, /Name it or withthis/);
  return true;
});
