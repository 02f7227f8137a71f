// The sheet that opens beside the results: one product, or the answer as a whole.
import { byId, h, toggle } from "./dom.js";
import { explanation, productFacts } from "./explain.js";

/** A <dialog>, so that focus stays inside and Escape closes it. */
export class Sheet {
  /** @param {(product: any) => void} like */
  constructor(like) {
    this.dialog = byId("sheet");
    this.body = byId("sheet-body");
    this.like = like;
    /** @type {any} */
    this.answer = null;
    /** @type {import("./query.js").QueryImage|null} */
    this.image = null;
    this.place = -1;
    byId("sheet-close").addEventListener("click", () => this.dialog.close());
    byId("sheet-before").addEventListener("click", () => this.step(-1));
    byId("sheet-after").addEventListener("click", () => this.step(1));
    this.dialog.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.key(event));
    this.dialog.addEventListener("click", (/** @type {Event} */ event) => {
      if (event.target === this.dialog) this.dialog.close(); // the backdrop
    });
  }

  /** A product of the catalog, without a search. @param {any[]} products @param {string} id */
  browse(products, id) {
    this.open({ answer: { results: products.map((product) => ({ product })) }, image: null }, id);
  }

  /** @param {{answer: any, image: import("./query.js").QueryImage|null}} lane @param {string|null} id of a product, or null for the answer as a whole */
  open({ answer, image }, id) {
    if (!answer) return;
    this.answer = answer;
    this.image = image;
    this.place = answer.results.findIndex((/** @type {any} */ { product }) => product.id === id);
    this.show();
    if (!this.dialog.open) this.dialog.showModal();
  }

  /** @param {number} by */
  step(by) {
    const next = this.place + by;
    if (this.place < 0 || !this.answer.results[next]) return;
    this.place = next;
    this.show();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.key === "ArrowLeft") this.step(-1);
    if (event.key === "ArrowRight") this.step(1);
  }

  show() {
    const { answer, place } = this;
    const result = answer.results[place];
    byId("sheet-title").textContent = result ? result.product.title : "Why this order";
    toggle(byId("sheet-before"), Boolean(result));
    toggle(byId("sheet-after"), Boolean(result));
    byId("sheet-before").disabled = place <= 0;
    byId("sheet-after").disabled = place >= answer.results.length - 1;
    const about = result ? [productFacts(result, answer), this.likeButton(result.product)] : [];
    this.body.replaceChildren(...about, ...(answer.rerank && !result?.later ? explanation(answer, this.image) : []));
    this.body.scrollTop = 0;
  }

  /** @param {any} product */
  likeButton(product) {
    const use = () => {
      this.dialog.close();
      this.like(product);
    };
    return h("button", { type: "button", class: "wide", onclick: use }, "Like this one, but…");
  }
}
