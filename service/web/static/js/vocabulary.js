// The categories and attributes that were seen so far: what the filters offer.

const MOST_VALUES = 60;

/** Grows with every product that comes along. */
export class Vocabulary {
  constructor() {
    /** @type {Set<string>} */
    this.categories = new Set();
    /** @type {Map<string, Map<string, string|number|boolean>>} attribute → text of a value → the value */
    this.attributes = new Map();
    /** @type {Set<() => void>} */
    this.listeners = new Set();
  }

  /** @param {any[]} products */
  learn(products) {
    const before = this.size;
    for (const product of products) {
      if (product.category) this.categories.add(product.category);
      for (const [name, value] of Object.entries(product.attributes)) this.learnValue(name, value);
    }
    if (this.size !== before) for (const listener of this.listeners) listener();
  }

  /** @param {string} name @param {any} value only scalars can be compared */
  learnValue(name, value) {
    if (!["string", "number", "boolean"].includes(typeof value)) return;
    if (!this.attributes.has(name)) this.attributes.set(name, new Map());
    const values = this.attributes.get(name);
    if (values && values.size < MOST_VALUES) values.set(String(value), value);
  }

  get size() {
    const values = [...this.attributes.values()].reduce((sum, known) => sum + known.size, 0);
    return this.categories.size + this.attributes.size + values;
  }
}
