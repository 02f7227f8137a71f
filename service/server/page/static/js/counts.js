// How many products each value of a filter has, and a sentence that says which products were counted.
import { h } from "./dom.js";
import { count } from "./format.js";
import { keyOf } from "./field.js";

/** @typedef {import("./field.js").Field} Field */
/** @typedef {import("./field.js").Value} Value */

/** Writes the numbers into options that stay where they are: somebody may be using them. */
export class Counts {
  /** @param {import("./vocabulary.js").Vocabulary} vocabulary */
  constructor(vocabulary) {
    this.vocabulary = vocabulary;
    /** @type {any} of the answer that is shown; null: the catalog's own counts hold */
    this.facets = null;
    /** @type {{name: string, field: Field|undefined, value: Value, option: HTMLElement}[]} */
    this.options = [];
    this.note = h("p", { class: "counted" });
  }

  forget() {
    this.options = [];
  }

  /** @param {string} name @param {Field|undefined} field @param {Value} value @param {HTMLElement} option */
  add(name, field, value, option) {
    this.options.push({ name, field, value, option });
  }

  /** @param {import("./query.js").Conditions} conditions */
  show(conditions) {
    const set = new Set([...(conditions.category ? ["category"] : []), ...Object.keys(conditions.attributes).map((name) => `attributes.${name}`)]);
    for (const { name, field, value, option } of this.options) {
      const n = this.facets ? !set.has(name) && this.found(name, field, value) : this.held(field, value);
      option.textContent = words(field, value) + (typeof n === "number" ? ` (${n})` : "");
    }
    this.note.textContent = this.options.length ? this.counted : "";
  }

  /**
   * Among the products that the search counted. A field that is set has no counts: they would be of one value alone.
   * @param {string} name @param {Field|undefined} field @param {Value} value
   */
  found(name, field, value) {
    const facet = this.facets.counts[name];
    if (!facet || field?.shape === "both") return null;
    const scalar = Array.isArray(value) ? value[0] : value;
    const met = facet.values.find((/** @type {any} */ one) => one.value === scalar);
    return met?.count ?? (facet.other ? null : 0);
  }

  /** @param {Field|undefined} field @param {Value} value */
  held(field, value) {
    return field?.values.get(keyOf(value))?.count || null;
  }

  get counted() {
    const { facets, vocabulary } = this;
    if (facets?.complete) return `Counts cover the ${count(facets.window, "product")} that match these filters.`;
    if (facets) return `Counts cover the ${count(facets.window, "product")} closest to the query; more match.`;
    const read = count(vocabulary.ids.size, "product");
    return vocabulary.complete ? `Counts cover the whole catalog: ${read}.` : `Counts cover a sample of ${read}; the catalog has more.`;
  }
}

/** @param {Field|undefined} field @param {Value} value */
function words(field, value) {
  const listed = Array.isArray(value) && field?.shape === "both";
  return `${value}${listed ? ", in a list" : ""}`;
}
