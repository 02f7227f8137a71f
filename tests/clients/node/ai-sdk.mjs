// Vercel's AI SDK: embeddings of an OpenAI-compatible provider, Cohere's reranker, and the words of an error.
import assert from "node:assert/strict";
import { createCohere } from "@ai-sdk/cohere";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany, rerank } from "ai";
import { DOCUMENTS, KEY, MODEL, QUERY, URL, checkOrder, checkVectors } from "./common.mjs";

const provider = createOpenAICompatible({ name: "withthis", baseURL: `${URL}/v1`, apiKey: KEY });
const { embeddings } = await embedMany({ model: provider.embeddingModel(MODEL), values: DOCUMENTS });
checkVectors(embeddings, 3);
const cohere = createCohere({ baseURL: `${URL}/v2`, apiKey: KEY });
const { ranking } = await rerank({ model: cohere.reranking(MODEL), query: QUERY, documents: DOCUMENTS, topN: 2 });
checkOrder(ranking.map((result) => result.originalIndex), 2);
const vectors = await embedMany({ model: cohere.embedding(MODEL), values: DOCUMENTS });
checkVectors(vectors.embeddings, 3);
const wrong = embedMany({ model: provider.embeddingModel("other"), values: DOCUMENTS, maxRetries: 0 });
await assert.rejects(wrong, (error) => {
  assert.match(error.message, /Name it or withthis/);
  return true;
});
