// What is on the page: a pair with its grade, and how far the judge is. All words are set as text.
import { byId, h, toggle } from "/static/js/dom.js";
import { imageUrl } from "./api.js";

/**
 * A button for each grade, from the worst to the best.
 * @param {{grade: number, name: string, meaning: string}[]} scale
 * @param {(grade: number) => void} choose
 */
export function showScale(scale, choose) {
  const buttons = scale.map(({ grade, name, meaning }) =>
    h("button", { type: "button", "data-grade": grade, "aria-pressed": "false", onclick: () => choose(grade) },
      h("kbd", {}, grade), h("b", {}, name), h("span", {}, meaning)));
  byId("grades").replaceChildren(...buttons);
  byId("keys").replaceChildren(...scale.map(({ grade }) => h("kbd", {}, grade)));
}

/** @param {string} text none: there are none */
export function showGuidelines(text) {
  byId("guidelines-text").textContent = text;
  toggle(byId("guidelines"), text !== "");
}

export const noteField = () => /** @type {HTMLTextAreaElement} */ (byId("note"));

/**
 * Show a pair; resolves when both images are loaded, or have failed.
 * @param {any} pair as the server describes it
 */
export async function showPair({ number, query, product, grade, note, suggestion }) {
  byId("query-text").textContent = query.text ?? (query.image ? "Something like this" : "");
  byId("product-text").textContent = product.title;
  byId("product-more").textContent = [product.category, product.text].filter(Boolean).join(". ");
  showGrade(grade);
  showSuggestion(suggestion);
  noteField().value = note;
  toggle(byId("done"), false);
  toggle(byId("pair"), true);
  await Promise.all([showImage("query", number, query.image), showImage("product", number, product.image)]);
}

/** @param {"query"|"product"} side @param {number} number @param {boolean} there */
function showImage(side, number, there) {
  const image = /** @type {HTMLImageElement} */ (byId(`${side}-image`));
  toggle(image, there);
  if (!there) return image.removeAttribute("src");
  image.src = imageUrl(number, side);
  return image.decode().catch(() => {}); // its alternative text is shown in its place
}

/** Another judge's grade, never without its name. @param {any} suggestion null: nobody suggests */
function showSuggestion(suggestion) {
  for (const button of byId("grades").children)
    button.toggleAttribute("data-suggested", suggestion !== null && Number(button.dataset.grade) === suggestion.grade);
  toggle(byId("suggestion"), suggestion !== null);
  if (!suggestion) return;
  const { judge, model, grade, reason } = suggestion;
  byId("suggestion").replaceChildren(
    "Suggested by ", h("b", {}, judge), model ? ` (a model, ${model}): ` : ": ", h("b", {}, grade), reason && ` – ${reason}`);
}

/** @param {number|null} grade */
export function showGrade(grade) {
  for (const button of byId("grades").children)
    button.setAttribute("aria-pressed", String(Number(button.dataset.grade) === grade));
}

/** @param {{pairs: number, judged: number, last: number|null}} progress @param {any} [pair] */
export function showProgress({ pairs, judged, last }, pair) {
  const bar = /** @type {HTMLProgressElement} */ (byId("bar"));
  bar.max = pairs;
  bar.value = judged;
  const place = pair ? ` This is pair ${pair.number + 1}; query ${pair.query.place} of ${pair.query.queries}.` : "";
  byId("progress").textContent = `${judged} of ${pairs} pairs are judged.${place}`;
  /** @type {HTMLButtonElement} */ (byId("undo")).disabled = last === null;
}

/** Nothing is left to judge. */
export function showDone() {
  toggle(byId("pair"), false);
  toggle(byId("done"), true);
}

/** @param {string} [words] what went wrong; nothing takes the notice away */
export function showProblem(words = "") {
  byId("notice").textContent = words;
  toggle(byId("notice"), words !== "");
}
