// The catalogue, page by page.
import { getJson } from "./api.js";
import { card } from "./card.js";
import { byId, h, toggle } from "./dom.js";
import { Filters } from "./filters.js";
import { count } from "./format.js";
import { Notice } from "./notice.js";
import { filterOf } from "./query.js";

const PAGE = 48;

/** @param {{limit: number, filter?: any, cursor?: string|null}} wanted @param {AbortSignal} [signal] */
export function listProducts({ limit, filter, cursor }, signal) {
  const parameters = new URLSearchParams({ limit: String(limit) });
  if (filter) parameters.set("filter", JSON.stringify(filter));
  if (cursor) parameters.set("cursor", cursor);
  return getJson(`/v1/products?${parameters}`, signal);
}

/** The view "Catalogue". */
export class Catalogue {
  /** @param {import("./vocabulary.js").Vocabulary} vocabulary @param {(product: any) => void} like */
  constructor(vocabulary, like) {
    this.vocabulary = vocabulary;
    this.like = like;
    this.list = byId("products");
    this.notice = new Notice(byId("catalogue-notice"));
    this.filters = new Filters(byId("catalogue-filters"), vocabulary, () => this.load());
    /** @type {string|null} */
    this.cursor = null;
    /** @type {AbortController|null} */
    this.running = null;
    byId("more").addEventListener("click", () => this.more());
  }

  /** From the beginning. */
  async load() {
    this.cursor = null;
    await this.more(true);
  }

  /** @param {boolean} [fresh] */
  async more(fresh = false) {
    this.running?.abort();
    const { signal } = (this.running = new AbortController());
    this.notice.clear();
    try {
      const filter = filterOf(this.filters.conditions);
      this.show(await listProducts({ limit: PAGE, filter, cursor: this.cursor }, signal), fresh);
    } catch (error) {
      this.notice.fail(error, () => this.more(fresh));
    }
  }

  /** @param {{products: any[], next_cursor: string|null}} page @param {boolean} fresh */
  show({ products, next_cursor: cursor }, fresh) {
    this.vocabulary.learn(products);
    if (fresh) this.list.replaceChildren();
    const known = this.list.children.length;
    this.list.append(...products.map((product) => card(product, { open: () => this.like(product), like: this.like, width: 200 })));
    this.cursor = cursor;
    toggle(byId("more"), cursor !== null);
    const shown = known + products.length;
    const text = shown ? `${count(shown, "product")} shown${cursor ? ", there are more" : ""}` : "No product fits these filters.";
    byId("catalogue-count").replaceChildren(h("span", {}, text));
    if (known && products.length) this.list.children[known].querySelector("button")?.focus();
  }
}
