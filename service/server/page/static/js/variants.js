// The other products of a card's group, such as the variants of a style.
import { h } from "./dom.js";
import { price } from "./format.js";
import { setImage } from "./thumbs.js";

/**
 * @param {any} result
 * @param {(products: any[], id: string) => void} browse opens one of several products
 * @returns {HTMLElement|null} null where the group has no others
 */
export function variants({ product, group }, browse) {
  if (!group || group.count < 2) return null;
  const { members } = group;
  const products = [product, ...members.map((/** @type {any} */ member) => member.product)];
  const rest = group.count - products.length;
  const others = group.count - 1;
  const summary = h("summary", { "aria-label": `${others} more in the group of ${product.title}` }, `+ ${others} in this group`);
  const items = members.map((/** @type {any} */ member) => h("li", {}, variant(member.product, () => browse(products, member.product.id))));
  return h("details", { class: "variants" }, summary, h("ul", {}, ...items), rest > 0 && h("p", { class: "soft small" }, rest === 1 ? "1 more is not shown." : `${rest} more are not shown.`));
}

/** @param {any} product @param {() => void} open */
function variant(product, open) {
  const img = h("img", { alt: "", loading: "lazy", decoding: "async", width: 48, height: 48 });
  if (product.image_url) setImage(img, product.image_url, 48);
  return h("button", { type: "button", "aria-label": `Open ${product.title}`, onclick: open }, img, h("span", {}, product.title), h("span", { class: "soft" }, price(product.price)));
}
