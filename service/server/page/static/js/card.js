// A product in a grid.
import { h } from "./dom.js";
import { facts, move } from "./format.js";
import { setImage } from "./thumbs.js";
import { variants } from "./variants.js";

/**
 * @param {any} product
 * @param {{open: () => void, like: (product: any) => void, width?: number}} wiring
 * @returns {HTMLElement} an <li> with the product's id in `data-id`
 */
export function card(product, { open, like, width = 256 }) {
  const img = h("img", { alt: "", loading: "lazy", decoding: "async", width: 256, height: 256 });
  if (product.image_url) setImage(img, product.image_url, width);
  const shown = product.image_url ? img : h("span", { class: "blank" }, "No image");
  const shot = h("button", { type: "button", class: "shot", "aria-label": `Open ${product.title}`, onclick: open }, shown);
  return h(
    "li",
    { class: "card", "data-id": product.id },
    shot,
    h("div", { class: "badges", "aria-hidden": true }),
    h("h3", {}, product.title),
    h("p", { class: "facts" }, facts(product)),
    h("p", { class: "ruled", hidden: true }),
    h("button", { type: "button", class: "quiet like", onclick: () => like(product), "aria-label": `Like ${product.title}, but…` }, "Like this, but…"),
  );
}

/**
 * Say on a card where it stands.
 * @param {Element} card
 * @param {any} result
 * @param {boolean} reranked
 */
export function place(card, result, reranked) {
  const { text, words, direction } = move(result);
  const badges = [h("span", { class: "rank" }, result.rank)];
  if (reranked) badges.push(h("span", { class: `move ${direction}` }, text));
  card.querySelector(".badges")?.replaceChildren(...badges);
  const ruled = /** @type {HTMLElement|null} */ (card.querySelector(".ruled"));
  if (ruled) {
    ruled.textContent = result.rules?.length ? `Moved by rule: ${result.rules.join(", ")}` : "";
    ruled.hidden = ruled.textContent === "";
  }
  const said = `Open ${result.product.title}, place ${result.rank}${reranked ? `, ${words}` : ""}`;
  card.querySelector(".shot")?.setAttribute("aria-label", said);
}

/**
 * Show the other products of its group.
 * @param {Element} card
 * @param {any} result
 * @param {(products: any[], id: string) => void} browse
 */
export function inside(card, result, browse) {
  const before = /** @type {HTMLDetailsElement|null} */ (card.querySelector(".variants"));
  const now = /** @type {HTMLDetailsElement|null} */ (variants(result, browse));
  if (before && now) now.open = before.open;
  before?.remove();
  if (now) card.append(now);
}
