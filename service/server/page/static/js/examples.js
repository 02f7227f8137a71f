// Queries for a first visit: images that come with the service, and the catalog's own products and categories.
import { h } from "./dom.js";
import { setImage } from "./thumbs.js";

/** @typedef {import("./vocabulary.js").Vocabulary} Vocabulary */

/** Images under /examples; each needs a catalog that has this kind of product. */
const WITH_IMAGES = [
  { name: "leopard", kind: "phone case", text: "a phone case with this" },
  { name: "rose", kind: "mug", text: "a mug with this" },
  { name: "crocodile", kind: "t-shirt", text: "a t-shirt with this" },
  { name: "sushi", kind: "cushion", text: "a cushion with this" },
  { name: "wine-glass", kind: "apron", text: "an apron with this" },
];
const MOST = 6;
const MOST_OF_A_KIND = 3;
/** A category that reads as words; no numbers, codes or sentences. */
const WORDS = /^\p{L}[\p{L}\p{M} '’&,-]{1,39}$/u;

/** @param {string} name from a link: not to be trusted */
export async function exampleImage(name) {
  if (!WITH_IMAGES.some((example) => example.name === name)) return null;
  const response = await fetch(exampleUrl(name)).catch(() => null);
  return response?.ok ? /** @type {const} */ ({ kind: "example", name, file: await response.blob() }) : null;
}

/** @param {string} name */
const exampleUrl = (name) => `/examples/${name}.webp`;

/** @param {Vocabulary} vocabulary */
const fitting = ({ categories }) => WITH_IMAGES.filter(({ kind }) => categories.includes(kind));

/** A sentence that makes sense in this catalog, or "" where none is known. @param {Vocabulary} vocabulary */
export const exampleText = (vocabulary) => fitting(vocabulary)[0]?.text ?? "";

/**
 * The examples that this catalog can answer.
 * @param {Vocabulary} vocabulary
 * @param {(text: string, image: any) => void} use
 * @returns {HTMLElement|null}
 */
export function examples(vocabulary, use) {
  const made = fitting(vocabulary).map((example) => withImage(example, use));
  const cards = [...made, ...likeProducts(vocabulary, use), ...categories(vocabulary, use)].slice(0, MOST);
  if (!cards.length) return null;
  return h("section", { class: "examples" }, h("h2", {}, "Try one of these"), h("ul", {}, ...cards));
}

/** @param {{name: string, text: string}} example @param {(text: string, image: any) => void} use */
function withImage({ name, text }, use) {
  const img = h("img", { alt: name, src: exampleUrl(name), width: 88, height: 88 });
  return example(img, text, async () => use(text, await exampleImage(name)));
}

/** A product of each of the largest categories: true of anything. @param {Vocabulary} vocabulary @param {any} use */
function likeProducts({ categories, withImages }, use) {
  const products = categories.map((category) => withImages.get(category)).filter(Boolean).slice(0, MOST_OF_A_KIND);
  return products.map((product) => {
    const img = h("img", { alt: product.title, width: 88, height: 88 });
    setImage(img, product.image_url, 88);
    const image = { kind: "product", id: product.id, title: product.title, url: product.image_url };
    const text = "something like this";
    return example(img, text, () => use(text, image));
  });
}

/** The largest categories by their own names; of a path its last part. @param {Vocabulary} vocabulary @param {any} use */
function categories({ categories }, use) {
  const names = categories.map((category) => category.split(/ *> *| \/ /).at(-1) ?? "").filter((name) => WORDS.test(name));
  return [...new Set(names)].slice(0, MOST_OF_A_KIND).map((name) => example(null, name, () => use(name, null)));
}

/** @param {HTMLElement|null} img @param {string} text @param {() => void} onclick */
const example = (img, text, onclick) => h("li", {}, h("button", { type: "button", onclick }, img, h("span", {}, `“${text}”`)));
