// Category, price, and every attribute that was seen: the conditions of a query.
import { h } from "./dom.js";
import { noConditions } from "./query.js";

/** @typedef {import("./query.js").Conditions} Conditions */

const MOST_ATTRIBUTES = 6;

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
    this.conditions = noConditions();
    this.onChange = onChange;
    /** @type {HTMLElement|null} */
    this.reset = null;
    vocabulary.listeners.add(() => this.show());
    this.show();
  }

  /** @param {Conditions} conditions */
  set(conditions) {
    this.conditions = conditions;
    this.show();
  }

  /** Draw all fields again; later, where somebody is using one of them. */
  show() {
    if (this.element.contains(document.activeElement)) {
      this.element.addEventListener("focusout", () => setTimeout(() => this.show()), { once: true });
      return;
    }
    const { categories, attributes } = this.vocabulary;
    const { category, min, max, attributes: wanted } = this.conditions;
    const names = [...new Set([...Object.keys(wanted), ...[...attributes.keys()].sort()])].slice(0, MOST_ATTRIBUTES);
    this.reset = h("button", { type: "button", class: "quiet", onclick: () => this.clear() }, "Clear filters");
    this.element.replaceChildren(
      this.choice("Category", [...categories].sort(), category, (text) => ({ category: text })),
      this.number("Price from", min, (min) => ({ min })),
      this.number("to", max, (max) => ({ max })),
      ...names.map((name) => this.attribute(name, wanted[name])),
      this.reset,
    );
    this.showReset();
  }

  /** @param {string} name @param {string|number|boolean|undefined} wanted */
  attribute(name, wanted) {
    const known = this.vocabulary.attributes.get(name) ?? new Map();
    const chosen = wanted === undefined ? "" : String(wanted);
    const label = name.charAt(0).toUpperCase() + name.slice(1);
    return this.choice(label, [...known.keys()].sort(), chosen, (text) => {
      const { [name]: _, ...others } = this.conditions.attributes;
      return { attributes: text ? { ...others, [name]: known.get(text) ?? wanted } : others };
    });
  }

  /**
   * @param {string} name
   * @param {string[]} values
   * @param {string} chosen
   * @param {(text: string) => Partial<Conditions>} change
   */
  choice(name, values, chosen, change) {
    const all = chosen && !values.includes(chosen) ? [chosen, ...values] : values;
    const options = all.map((value) => h("option", { value, selected: value === chosen }, value));
    const select = h("select", {}, h("option", { value: "" }, "any"), ...options);
    return this.pill(name, select, () => change(select.value));
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
    this.conditions = noConditions();
    /** @type {HTMLElement} */ (document.activeElement)?.blur();
    this.show();
    this.element.querySelector("select")?.focus();
    this.onChange();
  }

  showReset() {
    if (this.reset) this.reset.hidden = JSON.stringify(this.conditions) === JSON.stringify(noConditions());
  }
}
