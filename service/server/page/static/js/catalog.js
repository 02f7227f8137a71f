// The catalog, page by page.
import { card } from "./card.js";
import { byId, h, toggle } from "./dom.js";
import { Filters } from "./filters.js";
import { count } from "./format.js";
import { Notice } from "./notice.js";
import { explainNothing } from "./nothing.js";
import { filterOf } from "./query.js";
import { listProducts } from "./survey.js";

const PAGE = 48;

/** The view "Catalog". */
export class Catalog {
  /**
   * @param {import("./vocabulary.js").Vocabulary} vocabulary
   * @param {{like: (product: any) => void, open: (products: any[], id: string) => void}} wiring
   */
  constructor(vocabulary, wiring) {
    this.vocabulary = vocabulary;
    this.wiring = wiring;
    /** @type {any[]} those shown */
    this.products = [];
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
      this.show(await listProducts({ limit: PAGE, filter: filter ?? undefined, cursor: this.cursor }, signal), fresh);
      if (!this.products.length) await explainNothing(this.filters, this.notice, signal);
    } catch (error) {
      this.notice.fail(error, () => this.more(fresh));
    }
  }

  /** @param {{products: any[], next_cursor: string|null}} page @param {boolean} fresh */
  show({ products, next_cursor: cursor }, fresh) {
    this.vocabulary.learn(products);
    const known = fresh ? 0 : this.products.length;
    this.products = [...this.products.slice(0, known), ...products];
    const { open, like } = this.wiring;
    const cards = products.map((product) => card(product, { open: () => open(this.products, product.id), like, width: 200 }));
    if (fresh) this.list.replaceChildren(...cards);
    else this.list.append(...cards);
    this.cursor = cursor;
    toggle(byId("more"), cursor !== null);
    const shown = this.products.length;
    const text = shown ? `${count(shown, "product")} shown${cursor ? ", there are more" : ""}` : "No products found.";
    byId("catalogue-count").replaceChildren(h("span", {}, text));
    if (known && products.length) this.list.children[known].querySelector("button")?.focus();
  }
}
