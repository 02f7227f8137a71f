// Category, price, and the attributes that divide the catalog best: the conditions of a query.
import { label } from "./conditions.js";
import { Counts } from "./counts.js";
import { h } from "./dom.js";
import { keyOf } from "./field.js";
import { priceSlider } from "./price.js";
import { noConditions } from "./query.js";

/** @typedef {import("./query.js").Conditions} Conditions */
/** @typedef {import("./field.js").Field} Field */

/** Attributes that a search counts, besides category and price. */
const MOST_COUNTED = 14;
/** Attributes in the row; further ones wait behind "More filters". */
const IN_ROW = 4;

/** A row of pills; each is a field. */
export class Filters {
  /**
   * @param {HTMLElement} element
   * @param {import("./vocabulary.js").Vocabulary} vocabulary
   * @param {() => void} onChange
   */
  constructor(element, vocabulary, onChange) {
    this.element = element;
    this.vocabulary = vocabulary;
    this.counts = new Counts(vocabulary);
    this.conditions = noConditions();
    this.onChange = onChange;
    /** @type {HTMLElement|null} */
    this.reset = null;
    this.opened = false;
    this.waiting = false;
    element.after(this.counts.note);
    vocabulary.listeners.add(() => this.show());
    this.show();
  }

  /** @param {Conditions} conditions */
  set(conditions) {
    this.conditions = conditions;
    this.show();
  }

  /** What a search is asked to count. @returns {string[]} */
  get facets() {
    const { category, offered } = this.vocabulary;
    const { priced } = this.vocabulary;
    return [...(category.values.size ? ["category"] : []), ...(priced ? ["price"] : []), ...offered.slice(0, MOST_COUNTED).map(({ name }) => `attributes.${name}`)];
  }

  /** Show the counts of an answer; null: of the catalog. @param {any} facets */
  count(facets) {
    this.counts.facets = facets;
    if (facets) this.vocabulary.meet(facets);
    this.counts.show(this.conditions);
  }

  /** Draw all fields again; later, where somebody is using one of them. */
  show() {
    if (this.element.contains(document.activeElement)) return this.later();
    const { category, priced, complete } = this.vocabulary;
    const { category: chosen, min, max } = this.conditions;
    this.counts.forget();
    this.reset = h("button", { type: "button", class: "quiet", onclick: () => this.clear() }, "Clear filters");
    const choices = this.attributes();
    const price = priced || !complete || min !== null || max !== null;
    this.element.replaceChildren(
      ...(category.values.size || chosen ? [this.choice("category", category, chosen || undefined, (value) => ({ category: value ?? "" }))] : []),
      ...(price ? this.prices(min, max) : []),
      ...choices.slice(0, IN_ROW),
      this.reset,
      ...this.further(choices.slice(IN_ROW)),
    );
    this.counts.show(this.conditions);
    this.showReset();
  }

  later() {
    if (this.waiting) return;
    this.waiting = true;
    const again = () => setTimeout(() => {
      this.waiting = false;
      this.show();
    });
    this.element.addEventListener("focusout", again, { once: true });
  }

  /** Two fields, and a slider once the catalog's prices are known. @param {number|null} min @param {number|null} max */
  prices(min, max) {
    const from = this.number("Price from", min, (min) => ({ min }));
    const to = this.number("to", max, (max) => ({ max }));
    const { prices } = this.vocabulary;
    if (!prices || prices.low === prices.high) return [from, to];
    const [low, high] = [from, to].map((pill) => /** @type {HTMLInputElement} */ (pill.querySelector("input")));
    return [from, to, priceSlider(prices, low, high)];
  }

  /** Those that are set come first. */
  attributes() {
    const { attributes: wanted } = this.conditions;
    const { offered, attributes } = this.vocabulary;
    const names = [...new Set([...Object.keys(wanted), ...offered.map(({ name }) => name)])];
    return names.map((name) =>
      this.choice(`attributes.${name}`, attributes.get(name), wanted[name], (value) => {
        const { [name]: _, ...others } = this.conditions.attributes;
        return { attributes: value === undefined ? others : { ...others, [name]: value } };
      }),
    );
  }

  /** @param {HTMLElement[]} choices */
  further(choices) {
    if (!choices.length) return [];
    const details = h("details", { class: "further", open: this.opened }, h("summary", {}, `More filters (${choices.length})`), h("div", { class: "filters" }, ...choices));
    details.addEventListener("toggle", () => (this.opened = /** @type {HTMLDetailsElement} */ (details).open));
    return [details];
  }

  /**
   * @param {string} name of the facet
   * @param {Field|undefined} field
   * @param {any} chosen
   * @param {(value: any) => Partial<Conditions>} change
   */
  choice(name, field, chosen, change) {
    const listed = field?.listed.map(({ value }) => value) ?? [];
    const missing = chosen !== undefined && !listed.some((value) => keyOf(value) === keyOf(chosen));
    const values = missing ? [chosen, ...listed] : listed;
    const options = values.map((value) => h("option", { value: String(value), selected: chosen !== undefined && keyOf(value) === keyOf(chosen) }));
    options.forEach((option, place) => this.counts.add(name, field, values[place], option));
    const rarer = (field?.values.size ?? 0) - listed.length;
    const rest = rarer > 0 && h("option", { disabled: true }, `${rarer} rarer values are not listed`);
    const select = h("select", {}, h("option", { value: "" }, "any"), ...options, rest);
    return this.pill(label(name), select, () => change(values[/** @type {HTMLSelectElement} */ (select).selectedIndex - 1]));
  }

  /** @param {string} name @param {number|null} value @param {(value: number|null) => Partial<Conditions>} change */
  number(name, value, change) {
    const input = h("input", { type: "number", min: 0, step: "any", inputmode: "decimal", value, placeholder: "–" });
    return this.pill(name, input, () => change(input.value === "" ? null : Number(input.value)));
  }

  /** @param {string} name @param {any} field @param {() => Partial<Conditions>} read */
  pill(name, field, read) {
    const label = h("label", { class: "pill" }, h("span", {}, name), field);
    label.classList.toggle("set", field.value !== "");
    field.addEventListener("change", () => {
      label.classList.toggle("set", field.value !== "");
      this.conditions = { ...this.conditions, ...read() };
      this.showReset();
      this.onChange();
    });
    return label;
  }

  clear() {
    this.replace(noConditions());
    this.element.querySelector("select")?.focus();
  }

  /** Other conditions, as if somebody had set them. @param {Conditions} conditions */
  replace(conditions) {
    this.conditions = conditions;
    if (this.element.contains(document.activeElement)) /** @type {HTMLElement} */ (document.activeElement).blur();
    this.show();
    this.onChange();
  }

  showReset() {
    if (this.reset) this.reset.hidden = JSON.stringify(this.conditions) === JSON.stringify(noConditions());
  }
}
