// LangChain: Cohere's reranker and embeddings, OpenAI's embeddings.
import assert from "node:assert/strict";
import { CohereEmbeddings, CohereRerank } from "@langchain/cohere";
import { OpenAIEmbeddings } from "@langchain/openai";
import { CohereClient } from "cohere-ai";
import { DOCUMENTS, KEY, MODEL, QUERY, URL, checkOrder, checkVectors } from "./common.mjs";

const client = new CohereClient({ token: KEY, environment: URL, baseUrl: URL });
const reranker = new CohereRerank({ client, model: MODEL, topN: 2 });
checkOrder((await reranker.rerank(DOCUMENTS, QUERY)).map((result) => result.index), 2);
const kept = await reranker.compressDocuments(DOCUMENTS.map((pageContent) => ({ pageContent, metadata: {} })), QUERY);
assert.equal(kept.length, 2);
checkVectors(await new CohereEmbeddings({ client, model: MODEL }).embedDocuments(DOCUMENTS), 3);
const openai = new OpenAIEmbeddings({ model: MODEL, apiKey: KEY, configuration: { baseURL: `${URL}/v1` } });
checkVectors(await openai.embedDocuments(DOCUMENTS), 3);
