// Numbers and places as people read them.

/** @param {number|null} price */
export const price = (price) => (price === null ? "" : price.toFixed(2));

/** @param {number|null|undefined} score */
export const score = (score) => (score === null || score === undefined ? "–" : score.toFixed(3));

/** @param {number} ms */
export const duration = (ms) => (ms < 1000 ? `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`);

/** @param {any} product category and price in one line */
export const facts = (product) => [product.category, price(product.price)].filter(Boolean).join(" · ");

/** @param {number} n @param {string} one @param {string} [many] */
export const count = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;

/**
 * How far reranking moved a result.
 * @param {{rank: number, retrieval_rank: number}} result
 * @returns {{text: string, words: string, direction: "up"|"down"|"same"}}
 */
export function move(result) {
  const by = result.retrieval_rank - result.rank;
  if (by === 0) return { text: "=", words: "in the same place as before reranking", direction: "same" };
  const words = `moved ${by > 0 ? "up" : "down"} by ${Math.abs(by)} from place ${result.retrieval_rank}`;
  return { text: `${by > 0 ? "↑" : "↓"}${Math.abs(by)}`, words, direction: by > 0 ? "up" : "down" };
}
