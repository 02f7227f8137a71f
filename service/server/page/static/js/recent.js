// The last queries of this browser, with small copies of their images.
import { h } from "./dom.js";
import { address } from "./permalink.js";
import { reduced } from "./reduce.js";
import { setImage } from "./thumbs.js";
import { lasting } from "./storage.js";
import { own } from "./where.js";

const MOST = 8;

/** @typedef {{link: string, text: string, picture: string|null, product: string|null}} Recent */

/** @param {import("./query.js").Query} query */
export async function remember(query) {
  const { image } = query;
  const copy = image && image.kind !== "product" ? await reduced(image.file, image.crop) : null;
  const hash = image?.kind === "file" && copy ? `#picture=${encodeURIComponent(copy)}` : "";
  /** @type {Recent} */
  const entry = { link: address(query) + hash, text: query.text, picture: copy, product: image?.kind === "product" ? image.url : null };
  lasting.write(own("recent"), [entry, ...recent().filter(({ link }) => link !== entry.link)].slice(0, MOST));
}

/** @returns {Recent[]} */
const recent = () => lasting.read(own("recent")) ?? [];

/**
 * @param {(link: string) => void} open
 * @returns {HTMLElement|null}
 */
export function recents(open) {
  const entries = recent();
  if (!entries.length) return null;
  const section = h("section", { class: "recents" });
  const forget = () => {
    lasting.write(own("recent"), null);
    section.remove();
  };
  section.append(
    h("h2", {}, "Recent", h("button", { type: "button", class: "quiet", onclick: forget }, "Clear")),
    h("ul", {}, ...entries.map((entry) => h("li", {}, chip(entry, open)))),
  );
  return section;
}

/** @param {Recent} entry @param {(link: string) => void} open */
function chip({ link, text, picture: image, product }, open) {
  const img = (image || product) && h("img", { alt: text ? "" : "An image", width: 32, height: 32 });
  if (img && image) img.src = image;
  else if (img && product) setImage(img, product, 32);
  return h("button", { type: "button", onclick: () => open(link) }, img, text || "image alone");
}
