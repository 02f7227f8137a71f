// What is asked: the query of the page, and the body of the request made from it.
import { shapeBody } from "./shape.js";

/**
 * @typedef {Object} Configuration how one lane is ranked; empty texts and null mean: as the service is set
 * @property {boolean} rerank
 * @property {string} strategy
 * @property {string} prompt
 * @property {number|null} weight
 *
 * @typedef {Object} Conditions
 * @property {string} category
 * @property {number|null} min
 * @property {number|null} max
 * @property {Record<string, import("./field.js").Value>} attributes
 *
 * @typedef {({kind: "file", file: Blob}|{kind: "product", id: string, title: string, url: string|null}
 *   |{kind: "example", name: string, file: Blob}) & {crop?: import("./crop-box.js").Crop|null, part?: string}} QueryImage
 *   `part`: what the crop shows, as a data URI, once it was drawn
 *
 * @typedef {Object} Query
 * @property {string} text
 * @property {QueryImage|null} image
 * @property {Conditions} conditions
 * @property {number|null} limit
 * @property {Configuration[]} configurations one, or two that are compared
 * @property {string[]} [facets] what is to be counted
 * @property {string} [sort] field and order, such as "price:desc"; empty for relevance
 * @property {string} [group] the attribute that products are grouped by
 * @property {number|null} [share] of the words beside the image, 0…1; null: as the service is set
 */

/** @returns {Configuration} */
export const asSet = () => ({ rerank: true, strategy: "", prompt: "", weight: null });

/** @returns {Conditions} */
export const noConditions = () => ({ category: "", min: null, max: null, attributes: {} });

/** @param {Query} query */
export const isEmpty = (query) => !query.text && !query.image;

/**
 * The request of one lane.
 * @param {Query} query
 * @param {Configuration} configuration
 * @param {string|null} [cursor] of the page before; later pages are not reranked
 * @returns {RequestInit}
 */
export function request(query, configuration, cursor = null) {
  const first = { ...searchBody(query), facets: query.facets ?? [], rerank: rerankOf(configuration) };
  const body = JSON.stringify(cursor ? { ...searchBody(query), cursor, rerank: { enabled: false } } : first);
  const image = query.image;
  if (!image || image.kind === "product") return { body, headers: { "Content-Type": "application/json" } };
  const parts = new FormData();
  parts.append("image", image.file, "query");
  parts.append("query", body);
  return { body: parts };
}

/** @param {Query} query */
function searchBody(query) {
  const filter = filterOf(query.conditions);
  return {
    ...(query.text && { text: query.text }),
    ...imageOf(query.image),
    ...(query.text && query.image && typeof query.share === "number" && { weights: { text: query.share, image: 1 - query.share } }),
    ...(filter && { filter }),
    ...(query.limit && { limit: query.limit }),
    ...shapeBody(query),
  };
}

/** What is said of the image in JSON; a file of one's own travels beside it. @param {QueryImage|null} image */
function imageOf(image) {
  const crop = image?.crop ? { crop: image.crop } : null;
  if (image?.kind === "product") return { image: { product_id: image.id, ...crop } };
  return crop ? { image: crop } : null;
}

/** @param {Configuration} configuration */
function rerankOf({ rerank, strategy, prompt, weight }) {
  if (!rerank) return { enabled: false };
  return {
    enabled: true,
    explain: true,
    ...(strategy && { strategy }),
    ...(prompt && { prompt }),
    ...(weight !== null && { fusion_weight: weight }),
  };
}

/**
 * The service's filter for conditions, or null where there are none.
 * @param {Conditions} conditions
 */
export function filterOf({ category, min, max, attributes }) {
  const price = { ...(min !== null && { gte: min }), ...(max !== null && { lte: max }) };
  const wanted = Object.entries(attributes).map(([name, value]) => [name, Array.isArray(value) ? { contains: value[0] } : { eq: value }]);
  const filter = {
    ...(category && { category: { eq: category } }),
    ...(Object.keys(price).length && { price }),
    ...(wanted.length && { attributes: Object.fromEntries(wanted) }),
  };
  return Object.keys(filter).length ? filter : null;
}
