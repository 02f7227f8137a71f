// What the catalog holds, as far as it was read: what the filters offer.
import { Field } from "./field.js";

/** Fields beside the category: as many as one search counts. */
const MOST_FIELDS = 15;

/** Counts every product once. */
export class Vocabulary {
  constructor() {
    /** @type {Set<string>} */
    this.ids = new Set();
    this.complete = false;
    /** @type {{low: number, high: number}|null} of the prices that were met */
    this.prices = null;
    this.category = new Field("category");
    /** @type {Map<string, Field>} */
    this.attributes = new Map();
    /** @type {Map<string, any>} category → a product of it that has an image */
    this.withImages = new Map();
    /** @type {Set<() => void>} */
    this.listeners = new Set();
  }

  /** @param {any[]} products @param {boolean} [complete] these are the last ones of the catalog */
  learn(products, complete = false) {
    const fresh = products.filter(({ id }) => !this.ids.has(id));
    this.complete ||= complete;
    for (const product of fresh) this.learnProduct(product);
    if (fresh.length || complete) this.tell();
  }

  /** @param {any} product */
  learnProduct({ id, category, price, attributes, ...product }) {
    this.ids.add(id);
    if (typeof price === "number") this.meetPrices(price, price);
    if (category) this.category.learn(category);
    if (category && product.image_url && !this.withImages.has(category)) this.withImages.set(category, { id, ...product });
    for (const [name, value] of Object.entries(attributes)) {
      const field = this.attributes.get(name) ?? new Field(name);
      this.attributes.set(name, field);
      field.learn(value);
    }
  }

  /** Values that a search counted and that were not met yet. @param {any} facets of an answer */
  meet(facets) {
    const before = this.size;
    for (const [name, { values }] of Object.entries(facets.counts)) {
      const field = this.field(name);
      for (const { value } of values) field?.meet(value);
    }
    const { low, high } = this.prices ?? {};
    const stats = facets.counts.price?.stats;
    if (stats) this.meetPrices(stats.min, stats.max);
    if (this.size !== before || low !== this.prices?.low || high !== this.prices?.high) this.tell();
  }

  /** @param {number} low @param {number} high */
  meetPrices(low, high) {
    this.prices = { low: Math.min(low, this.prices?.low ?? low), high: Math.max(high, this.prices?.high ?? high) };
  }

  get priced() {
    return this.prices !== null;
  }

  /** Attributes whose values several products share, those with the most values first. @returns {string[]} */
  get shared() {
    const fields = [...this.attributes.values()].filter((field) => field.groups);
    return fields.sort((a, b) => b.values.size - a.values.size || (a.name < b.name ? -1 : 1)).map(({ name }) => name);
  }

  /** @param {string} name of a facet @returns {Field|undefined} */
  field(name) {
    return name === "category" ? this.category : this.attributes.get(name.slice("attributes.".length));
  }

  /** The attributes worth a filter, the most useful ones first. @returns {Field[]} */
  get offered() {
    const total = this.ids.size;
    const helpful = [...this.attributes.values()].filter((field) => field.helps(total));
    return helpful.sort((a, b) => b.use(total) - a.use(total) || (a.name < b.name ? -1 : 1)).slice(0, MOST_FIELDS);
  }

  /** The categories, those with most products first. @returns {string[]} */
  get categories() {
    return [...this.category.values.values()].sort((a, b) => b.count - a.count).map(({ value }) => String(value));
  }

  get size() {
    return [this.category, ...this.attributes.values()].reduce((sum, { values }) => sum + values.size, 0);
  }

  tell() {
    for (const listener of this.listeners) listener();
  }
}
