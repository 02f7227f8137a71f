// Queries for a first visit: pictures that come with the service, and products of the catalogue at hand.
import { h } from "./dom.js";
import { setPicture } from "./thumbs.js";

/** Pictures under /examples, and the kind of product that the sentence asks for. */
const WITH_PICTURES = [
  { name: "leopard", kind: "phone case" },
  { name: "rose", kind: "mug" },
  { name: "crocodile", kind: "t-shirt" },
  { name: "sushi", kind: "cushion" },
  { name: "wine-glass", kind: "apron" },
];
const MOST = 6;

/** @param {string} name from a link: not to be trusted */
export async function examplePicture(name) {
  if (!WITH_PICTURES.some((example) => example.name === name)) return null;
  const response = await fetch(exampleUrl(name)).catch(() => null);
  return response?.ok ? /** @type {const} */ ({ kind: "example", name, file: await response.blob() }) : null;
}

/** @param {string} name */
const exampleUrl = (name) => `/examples/${name}.webp`;

/**
 * The examples that this catalogue can answer.
 * @param {any[]} products a sample
 * @param {(text: string, picture: any) => void} use
 * @returns {HTMLElement|null}
 */
export function examples(products, use) {
  const kinds = new Set(products.map((product) => product.category));
  const fitting = WITH_PICTURES.filter(({ kind }) => kinds.has(kind)).map(({ name, kind }) => withPicture(name, kind, use));
  const cards = [...fitting, ...fromCatalogue(products, use)].slice(0, MOST);
  if (!cards.length) return null;
  return h("section", { class: "examples" }, h("h2", {}, "Try one of these"), h("ul", {}, ...cards));
}

/** @param {string} name @param {string} kind @param {(text: string, picture: any) => void} use */
function withPicture(name, kind, use) {
  const img = h("img", { alt: name, src: exampleUrl(name), width: 88, height: 88 });
  const text = `${/^[aeiou]/.test(kind) ? "an" : "a"} ${kind} with this`;
  return example(img, text, async () => use(text, await examplePicture(name)));
}

/** "This on a …": products whose motif might stand on another kind. @param {any[]} products @param {any} use */
function fromCatalogue(products, use) {
  const pictured = products.filter((product) => product.image_url && product.category);
  const [first, second] = [pictured[Math.floor(pictured.length / 3)], pictured[Math.floor((pictured.length * 4) / 5)]];
  return [first, second].flatMap((product) => {
    const other = pictured.find(({ category }) => category !== product?.category && category !== first?.category);
    return product && other ? [fromProduct(product, `this on a ${other.category}`, use)] : [];
  });
}

/** @param {any} product @param {string} text @param {(text: string, picture: any) => void} use */
function fromProduct(product, text, use) {
  const img = h("img", { alt: product.title, width: 88, height: 88 });
  setPicture(img, product.image_url, 88);
  const picture = { kind: "product", id: product.id, title: product.title, url: product.image_url };
  return example(img, text, () => use(text, picture));
}

/** @param {HTMLElement} img @param {string} text @param {() => void} onclick */
const example = (img, text, onclick) => h("li", {}, h("button", { type: "button", onclick }, img, h("span", {}, `“${text}”`)));
