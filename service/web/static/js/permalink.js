// A query as an address. A picture of one's own travels reduced, behind the #, which browsers send to nobody.
import { examplePicture } from "./examples.js";
import { fromDataUri, reduced } from "./reduce.js";
import { asSet, noConditions } from "./query.js";

/** @typedef {import("./query.js").Query} Query */

/**
 * The address of a query, without a picture of one's own.
 * @param {Query} query
 */
export function address(query) {
  const parameters = new URLSearchParams();
  const put = (/** @type {string} */ name, /** @type {any} */ value) => value !== null && value !== "" && parameters.set(name, value);
  const { text, picture, conditions, limit, configurations } = query;
  put("q", text);
  if (picture?.kind === "product") put("product", picture.id);
  if (picture?.kind === "example") put("example", picture.name);
  put("category", conditions.category);
  put("min", conditions.min);
  put("max", conditions.max);
  for (const [name, value] of Object.entries(conditions.attributes)) put(`a.${name}`, JSON.stringify(value));
  put("n", limit);
  configurations.forEach((one, place) => put(place ? "b" : "a", JSON.stringify(one)));
  if (JSON.stringify(configurations) === JSON.stringify([asSet()])) parameters.delete("a");
  return parameters.size ? `/?${parameters}` : "/";
}

/**
 * The address of a query with everything in it, to be given away.
 * @param {Query} query
 */
export async function fullAddress(query) {
  const { picture } = query;
  const hash = picture?.kind === "file" ? `#picture=${encodeURIComponent(await reduced(picture.file))}` : "";
  return new URL(address(query) + hash, location.href).href;
}

/**
 * The query of an address; what does not belong there is ignored.
 * @param {URL|Location} url
 * @returns {Promise<Query>}
 */
export async function queryOf(url) {
  const parameters = new URLSearchParams(url.search);
  const number = (/** @type {string} */ name) => finite(parameters.get(name));
  const found = ["a", "b"].map((name) => configuration(parse(parameters.get(name))));
  const [first, second] = found;
  const attributes = [...parameters].filter(([name]) => name.startsWith("a."));
  return {
    text: parameters.get("q") ?? "",
    picture: await pictureOf(parameters, new URLSearchParams(url.hash.slice(1))),
    conditions: {
      ...noConditions(),
      category: parameters.get("category") ?? "",
      min: number("min"),
      max: number("max"),
      attributes: Object.fromEntries(attributes.map(([name, value]) => [name.slice(2), parse(value)])),
    },
    limit: number("n"),
    configurations: [first ?? asSet(), ...(second ? [second] : [])],
  };
}

/** @param {URLSearchParams} parameters @param {URLSearchParams} hash @returns {Promise<Query["picture"]>} */
async function pictureOf(parameters, hash) {
  const product = parameters.get("product");
  if (product) return { kind: "product", id: product, title: product, url: null };
  const example = parameters.get("example");
  if (example) return examplePicture(example);
  const file = fromDataUri(hash.get("picture"));
  return file ? { kind: "file", file } : null;
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
