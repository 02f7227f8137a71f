// Why the results are in this order: what the model saw, what it wrote, and how it was read.
import { getJson } from "./api.js";
import { h } from "./dom.js";
import { count, move, score } from "./format.js";
import { degradedWords } from "./problem.js";
import { setImage } from "./thumbs.js";
import { timingBar } from "./timings.js";
import { ofCatalog } from "./where.js";

const FAULTS = {
  ok: "Every product exactly once, in the expected format.",
  wrong_format: "The order could be read, but was not in the expected format.",
  missing: "Some products were not named; they follow in retrieval order.",
  repetition: "Some products were named twice; the first occurrence counts.",
  out_of_range: "Labels that no product has were dropped.",
  truncated: "The answer was cut off; products not named follow in retrieval order.",
  refusal: "No product was named; the results are in retrieval order.",
  timeout: "No answer in time; the results are in retrieval order.",
  backend_error: "The model failed; the results are in retrieval order.",
};

const NO_CAPTION = "nothing that it is sure of";

/** @param {any} answer @param {import("./query.js").QueryImage|null} image the query's @returns {Node[]} the sections about the whole answer */
export function explanation(answer, image) {
  return [order(answer, image), seen(answer, image), written(answer), section("Time", timingBar(answer.timings_ms))].filter((one) => one !== null);
}

/** @param {any} result @param {any} answer @returns {Node} what is known of one product */
export function productFacts(result, answer) {
  const { product } = result;
  const img = h("img", { alt: product.title, width: 420, height: 420, class: "hero" });
  if (product.image_url) setImage(img, product.image_url, 420);
  const attributes = Object.entries(product.attributes).map(([name, value]) => pair(name, Array.isArray(value) ? value.join(", ") : String(value)));
  const place = result.rank && `${result.rank}${where(result, answer)}`;
  return h(
    "div",
    { class: "product" },
    img,
    h("dl", {}, pair("place", place), pair("moved by rule", result.rules?.join(", ")), pair("category", product.category), pair("price", product.price?.toFixed(2)), ...attributes, pair("id", product.id)),
    result.scores && scored(result.scores, answer.rerank.applied && !result.later),
  );
}

/** @param {any} result @param {any} answer */
function where(result, { rerank }) {
  if (result.later) return ", in retrieval order: only the first page is reranked";
  return rerank.applied ? `, ${move(result).words}` : "";
}

/**
 * Where the order comes from; with `hybrid`, products are retrieved by vector and lexical scores.
 * @param {any} scores @param {boolean} reranked
 */
function scored({ retrieval, hybrid, rerank, fused }, reranked) {
  const words = hybrid && [
    pair("lexical (BM25)", hybrid.lexical_rank === null ? "no words in common with the query" : `${score(hybrid.lexical)}, place ${hybrid.lexical_rank}`),
    meter("vector and lexical", hybrid.fused),
  ];
  const order = reranked ? [meter("reranker", rerank), pair("fused with retrieval", fused !== null && score(fused))] : [];
  return h("div", { class: "scores" }, h("h3", {}, "Scores"), h("dl", {}, meter("retrieval (cosine similarity)", retrieval), ...(words ?? []), ...order));
}

/** @param {string} title @param {...(Node|null)} content */
const section = (title, ...content) => h("section", {}, h("h3", {}, title), ...content);

/** @param {string} term @param {any} text */
const pair = (term, text) => ![null, undefined, false, ""].includes(text) && h("div", {}, h("dt", {}, term), h("dd", {}, text));

/** @param {string} term @param {number|null} value */
function meter(term, value) {
  const bar = value === null ? null : h("span", { class: "meter", "aria-hidden": true }, h("i"));
  bar?.querySelector("i")?.style.setProperty("width", `${100 * Math.min(1, Math.max(0, value ?? 0))}%`);
  return h("div", {}, h("dt", {}, term), h("dd", { class: "metered" }, value === null ? "none" : score(value), bar));
}

/** @param {any} answer @param {import("./query.js").QueryImage|null} image */
function order({ query, rerank, results, sorted, rules }, image) {
  if (sorted) return section("Order", h("p", {}, "Sorted, and not reranked."), ruledBy(rules));
  if (!rerank.engine) return section("Order", h("p", {}, "Retrieval order: reranking is off."), ruledBy(rules));
  const titles = new Map(results.map((/** @type {any} */ { product }) => [product.id, product.title]));
  const repaired = rerank.repaired.map((/** @type {string} */ id) => titles.get(id) ?? id);
  return section(
    "Order",
    rerank.reason && h("figure", { class: "reason" }, h("figcaption", { class: "soft" }, "The model's reason for this order:"), h("blockquote", {}, rerank.reason)),
    rerank.degraded && h("p", { class: "notice hint" }, degradedWords(rerank.degraded)),
    h(
      "dl",
      {},
      pair("the model says the image shows", query.caption ?? (image && rerank.applied && NO_CAPTION)),
      pair("engine", rerank.engine),
      pair("strategy", rerank.strategy),
      pair("prompt", rerank.prompt),
      pair("answer", rerank.fault && h("span", {}, h("code", { class: `fault ${rerank.fault === "ok" ? "ok" : "bad"}` }, rerank.fault), ` ${FAULTS[rerank.fault] ?? ""}`)),
      pair("repaired", rerank.fault && (repaired.length ? repaired.join(", ") : "nothing")),
      pair("note", query.truncated && "The text was too long; only its beginning was used."),
    ),
    ruledBy(rules),
  );
}

/** @param {string[]|undefined} rules */
const ruledBy = (rules) => (rules?.length ? h("dl", {}, pair("rules applied after that", rules.join(", "))) : null);

/** @param {any} answer @param {import("./query.js").QueryImage|null} image */
function seen({ explanation, results }, image) {
  if (!explanation) return null;
  if (explanation.panel) return section("What the model saw", panel(explanation.panel));
  if (!explanation.shown.length) return null;
  const products = new Map(results.map((/** @type {any} */ { product }) => [product.id, product]));
  const images = explanation.shown.map((/** @type {any} */ one) => labeled(one, products.get(one.product_id)));
  const note = h("p", { class: "soft" }, `${count(images.length, "product")}, as separate images:`);
  return section("What the model saw", note, h("ol", { class: "shown" }, image && asked(image), ...images));
}

/** @param {{data: string, width: number, height: number, exact: boolean}} panel */
function panel({ data, width, height, exact }) {
  const img = h("img", { class: "panel", alt: "The query and the labeled candidates in one image", src: data, width, height });
  const note = `${width} × ${height} pixels${exact ? "" : ", shown as a JPEG here because of its size"}`;
  return h("figure", {}, img, h("figcaption", { class: "soft" }, note));
}

/** The query's own image. @param {import("./query.js").QueryImage} image */
function asked(image) {
  const img = h("img", { alt: "Your image", width: 96, height: 96 });
  if (image.part) img.src = image.part;
  else if (image.kind === "product" && image.url) setImage(img, image.url, 96);
  else if (image.kind !== "product") {
    img.src = URL.createObjectURL(image.file);
    img.addEventListener("load", () => URL.revokeObjectURL(img.src), { once: true });
  }
  return h("li", { class: "query" }, h("b", {}, "query"), img);
}

/**
 * A candidate; one that did not make it into the results is asked for.
 * @param {{label: string, product_id: string}} shown
 * @param {any} product undefined where it is not among the results
 */
function labeled({ label, product_id: id }, product) {
  const img = h("img", { alt: product?.title ?? id, width: 96, height: 96, loading: "lazy" });
  const show = (/** @type {any} */ found) => found.image_url && setImage(img, found.image_url, 96);
  if (product) show(product);
  else getJson(ofCatalog(`/products/${encodeURIComponent(id)}`)).then(show, () => {}); // deleted since: its id is shown
  return h("li", {}, h("b", {}, label), img);
}

/** @param {any} answer */
function written({ explanation }) {
  if (!explanation) return null;
  const { raw, raw_truncated: cut, prompt_tokens: read, generated_tokens: made } = explanation;
  if (!raw) return section("What the model wrote", h("p", { class: "soft" }, "Nothing: this strategy reads scores, not text."));
  const tokens = `${count(read, "token")} read, ${count(made, "token")} written, captions included${cut ? "; only the beginning is shown" : ""}`;
  return section("What the model wrote", h("pre", { class: "raw", tabindex: 0 }, raw), h("p", { class: "soft" }, tokens));
}
