// The last queries of this browser, with small copies of their pictures.
import { h } from "./dom.js";
import { address } from "./permalink.js";
import { reduced } from "./reduce.js";
import { setPicture } from "./thumbs.js";
import { lasting } from "./storage.js";

const MOST = 8;

/** @typedef {{link: string, text: string, picture: string|null, product: string|null}} Recent */

/** @param {import("./query.js").Query} query */
export async function remember(query) {
  const { picture } = query;
  const copy = picture && picture.kind !== "product" ? await reduced(picture.file) : null;
  const hash = picture?.kind === "file" && copy ? `#picture=${encodeURIComponent(copy)}` : "";
  /** @type {Recent} */
  const entry = { link: address(query) + hash, text: query.text, picture: copy, product: picture?.kind === "product" ? picture.url : null };
  lasting.write("recent", [entry, ...recent().filter(({ link }) => link !== entry.link)].slice(0, MOST));
}

/** @returns {Recent[]} */
const recent = () => lasting.read("recent") ?? [];

/**
 * @param {(link: string) => void} open
 * @returns {HTMLElement|null}
 */
export function recents(open) {
  const entries = recent();
  if (!entries.length) return null;
  const section = h("section", { class: "recents" });
  const forget = () => {
    lasting.write("recent", null);
    section.remove();
  };
  section.append(
    h("h2", {}, "Recent", h("button", { type: "button", class: "quiet", onclick: forget }, "Forget them")),
    h("ul", {}, ...entries.map((entry) => h("li", {}, chip(entry, open)))),
  );
  return section;
}

/** @param {Recent} entry @param {(link: string) => void} open */
function chip({ link, text, picture, product }, open) {
  const img = (picture || product) && h("img", { alt: text ? "" : "A picture", width: 32, height: 32 });
  if (img && picture) img.src = picture;
  else if (img && product) setPicture(img, product, 32);
  return h("button", { type: "button", onclick: () => open(link) }, img, text || "picture alone");
}
