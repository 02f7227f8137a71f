// What every script here needs.
import assert from "node:assert/strict";

export const URL = process.env.WITHTHIS_CLIENTS_URL ?? "http://127.0.0.1:8000";
export const KEY = process.env.WITHTHIS_CLIENTS_KEY ?? "none";
export const MODEL = "withthis";
export const DIMENSION = 576;
export const QUERY = "a red mug";
export const DOCUMENTS = ["Rose mug, red", "Leopard cushion", "Sushi poster, white"];

export function checkVectors(vectors, count) {
  assert.equal(vectors.length, count);
  for (const vector of vectors) assert.equal(vector.length, DIMENSION);
}

export function checkOrder(indexes, count) {
  assert.equal(indexes.length, count);
  assert.equal(new Set(indexes).size, count);
}
