// Reads the catalog for the filters and examples: all of it, or a bounded part and every category.
import { call } from "./api.js";
import { ofCatalog } from "./where.js";

const PAGE = 250;
const MOST_PRODUCTS = 2000;
const MOST_CHARACTERS = 2_000_000; // products may have long texts
const MOST_CATEGORIES = 256; // as many as one filter may exclude
const ROUNDS = 8;

/** @typedef {{limit: number, filter?: any, cursor?: string|null}} Wanted */

/** @param {Wanted} wanted @param {AbortSignal} [signal] */
async function listing({ limit, filter, cursor }, signal) {
  const parameters = new URLSearchParams({ limit: String(limit) });
  if (filter) parameters.set("filter", JSON.stringify(filter));
  if (cursor) parameters.set("cursor", cursor);
  return (await call(ofCatalog(`/products?${parameters}`), { signal })).text();
}

/** A page of the catalog. @param {Wanted} wanted @param {AbortSignal} [signal] */
export const listProducts = async (wanted, signal) => JSON.parse(await listing(wanted, signal));

/** @param {import("./vocabulary.js").Vocabulary} vocabulary */
export async function survey(vocabulary) {
  let cursor = null;
  let characters = 0;
  do {
    const text = await listing({ limit: PAGE, cursor });
    const page = JSON.parse(text);
    characters += text.length;
    cursor = page.next_cursor;
    vocabulary.learn(page.products, cursor === null);
  } while (cursor && vocabulary.ids.size < MOST_PRODUCTS && characters < MOST_CHARACTERS);
  if (cursor) await otherCategories(vocabulary);
}

/** Products come in the order of their ids, which may go by category: ask for those of no category met so far. */
async function otherCategories(vocabulary) {
  for (let round = 0; round < ROUNDS; round += 1) {
    const known = vocabulary.categories.slice(0, MOST_CATEGORIES);
    const filter = { category: { exists: true }, ...(known.length && { not: { category: { in: known } } }) };
    const { products } = await listProducts({ limit: 100, filter });
    vocabulary.learn(products);
    if (!products.length || known.length === MOST_CATEGORIES) return;
  }
}
