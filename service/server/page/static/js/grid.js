// The results of one lane: cards that keep their identity when the order changes.
import { card, inside, place } from "./card.js";
import { flip } from "./flip.js";

/** An ordered list of cards. */
export class Grid {
  /**
   * @param {HTMLElement} list
   * @param {{open: (id: string) => void, like: (product: any) => void, browse: (products: any[], id: string) => void}} wiring
   */
  constructor(list, wiring) {
    this.list = list;
    this.wiring = wiring;
    /** @type {Map<string, HTMLElement>} */
    this.cards = new Map();
  }

  clear() {
    this.cards.clear();
    this.list.replaceChildren();
  }

  /**
   * Show the results of an answer in its order; cards that are there already move.
   * @param {any[]} results those that are `later` come from further pages, which are not reranked
   * @param {boolean} reranked
   */
  show(results, reranked) {
    const before = [...this.cards.values()];
    const cards = results.map(({ product }) => this.card(product));
    this.cards = new Map(results.map(({ product }, place) => [product.id, cards[place]]));
    flip(before, () => this.list.replaceChildren(...cards));
    results.forEach((result, index) => {
      place(cards[index], result, reranked && !result.later);
      inside(cards[index], result, this.wiring.browse);
    });
  }

  /** @param {string} id of a product that is shown */
  focus(id) {
    /** @type {HTMLElement|null|undefined} */ (this.cards.get(id)?.querySelector(".shot"))?.focus();
  }

  /** @param {any} product */
  card(product) {
    const { open, like } = this.wiring;
    return this.cards.get(product.id) ?? card(product, { open: () => open(product.id), like });
  }
}
