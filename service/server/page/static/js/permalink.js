// A query as an address. An image of one's own travels reduced, behind the #, which browsers send to nobody.
import { getJson } from "./api.js";
import { fromText, toText } from "./crop-box.js";
import { exampleImage } from "./examples.js";
import { Problem } from "./problem.js";
import { fromDataUri, reduced } from "./reduce.js";
import { asSet, noConditions } from "./query.js";
import { orderOf } from "./shape.js";
import { home, ofCatalog } from "./where.js";

/** @typedef {import("./query.js").Query} Query */

const OWN = "own";
const MOST_NAME = 100;
export const LOST = {
  file: "This query had an image from your device, which the link does not contain. Choose it again, or search without it.",
  example: "The example image of this query cannot be loaded.",
  product: "The product whose image this query had is no longer in the catalog. Choose another image, or search without it.",
};

/**
 * The address of a query; of an image of one's own it says that there was one.
 * @param {Query} query
 */
export function address(query) {
  const parameters = new URLSearchParams();
  const put = (/** @type {string} */ name, /** @type {any} */ value) => value !== null && value !== "" && parameters.set(name, value);
  const { text, image, conditions, limit, configurations, share } = query;
  put("q", text);
  if (image?.kind === "product") put("product", image.id);
  if (image?.kind === "example") put("example", image.name);
  if (image?.kind === "file") put("image", OWN);
  else if (image?.crop) put("crop", toText(image.crop)); // of one's own image, the part alone is in the link
  put("words", share ?? null);
  put("category", conditions.category);
  put("min", conditions.min);
  put("max", conditions.max);
  for (const [name, value] of Object.entries(conditions.attributes)) put(`a.${name}`, JSON.stringify(value));
  put("n", limit);
  put("sort", query.sort ?? "");
  put("group", query.group ?? "");
  configurations.forEach((one, place) => put(place ? "b" : "a", JSON.stringify(one)));
  if (JSON.stringify(configurations) === JSON.stringify([asSet()])) parameters.delete("a");
  return parameters.size ? `${home}?${parameters}` : home;
}

/**
 * The address of a query with everything in it, to be given away.
 * @param {Query} query
 */
export async function fullAddress(query) {
  const { image } = query;
  const hash = image?.kind === "file" ? `#picture=${encodeURIComponent(await reduced(image.file, image.crop))}` : "";
  return new URL(address(query) + hash, location.href).href;
}

/**
 * The query of an address; what does not belong there is ignored.
 * @param {URL|Location} url
 * @returns {Promise<{query: Query, lost: string|null}>} `lost`: why the query's image could not be restored
 * @throws {Problem} the product whose image it has cannot be asked for
 */
export async function queryOf(url) {
  const parameters = new URLSearchParams(url.search);
  const number = (/** @type {string} */ name) => finite(parameters.get(name));
  const found = ["a", "b"].map((name) => configuration(parse(parameters.get(name))));
  const [first, second] = found;
  const attributes = [...parameters].filter(([name]) => name.startsWith("a."));
  const { image, lost } = await imageOf(parameters, new URLSearchParams(url.hash.slice(1)));
  const query = {
    text: parameters.get("q") ?? "",
    image,
    conditions: {
      ...noConditions(),
      category: parameters.get("category") ?? "",
      min: number("min"),
      max: number("max"),
      attributes: Object.fromEntries(attributes.map(([name, value]) => [name.slice(2), parse(value)]).filter(([, value]) => isValue(value))),
    },
    limit: number("n"),
    sort: orderOf(parameters.get("sort")),
    group: (parameters.get("group") ?? "").slice(0, MOST_NAME),
    share: shareOf(number("words")),
    configurations: [first ?? asSet(), ...(second ? [second] : [])],
  };
  return { query, lost };
}

/** @param {any} value */
const isValue = (value) => ["string", "number", "boolean"].includes(typeof (Array.isArray(value) && value.length === 1 ? value[0] : value));

/** @param {URLSearchParams} parameters @param {URLSearchParams} hash @returns {Promise<{image: Query["image"], lost: string|null}>} */
async function imageOf(parameters, hash) {
  const product = parameters.get("product");
  const crop = fromText(parameters.get("crop"));
  if (product) return orLost(await productImage(product), LOST.product, crop);
  const example = parameters.get("example");
  if (example) return orLost(await exampleImage(example), LOST.example, crop);
  const file = fromDataUri(hash.get("picture"));
  if (file) return { image: { kind: "file", file }, lost: null };
  return { image: null, lost: parameters.get("image") === OWN || hash.has("picture") ? LOST.file : null };
}

/** @param {Query["image"]} image @param {string} words @param {import("./crop-box.js").Crop|null} crop */
const orLost = (image, words, crop) => ({ image: image && { ...image, crop }, lost: image ? null : words });

/** @param {number|null} given */
const shareOf = (given) => (given !== null && given >= 0 && given <= 1 ? given : null);

/** @param {string} id @returns {Promise<Query["image"]>} null where the catalog has no image of it */
async function productImage(id) {
  try {
    const { title, image_url: url } = await getJson(ofCatalog(`/products/${encodeURIComponent(id)}`));
    return url ? { kind: "product", id, title, url } : null;
  } catch (error) {
    if (error instanceof Problem && [400, 404].includes(error.status)) return null;
    throw error;
  }
}

/** @param {any} given */
function configuration(given) {
  if (given === null || typeof given !== "object") return null;
  const text = (/** @type {any} */ value) => (typeof value === "string" ? value : "");
  return {
    rerank: given.rerank !== false,
    strategy: text(given.strategy),
    prompt: text(given.prompt),
    weight: typeof given.weight === "number" ? given.weight : null,
  };
}

/** @param {string|null} text */
function parse(text) {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}

/** @param {string|null} text */
function finite(text) {
  const value = Number(text);
  return text && Number.isFinite(value) ? value : null;
}
