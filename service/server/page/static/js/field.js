// One field of the catalog: its values, in how many products each is, and whether a list of them helps anybody.

/** @typedef {string|number|boolean} Scalar */
/** @typedef {Scalar|[Scalar]} Value what a filter compares with; a pair of brackets means: a list that contains it */

/** A text longer than this is prose or an address, and nobody picks prose from a list. */
const LONG = 60;
/** With more values than this, and fewer than three products for each, a field names products and divides nothing. */
const FEW = 12;
/** Options of one field; rarer values are counted, not listed. */
export const MOST_VALUES = 100;

/** @param {Value} value */
export const keyOf = (value) => JSON.stringify(value);

/** @param {any} value */
function comparable(value) {
  if (typeof value === "string") return value !== "";
  if (typeof value === "number") return !Number.isInteger(value) || Number.isSafeInteger(value);
  return typeof value === "boolean";
}

/** Counts of the values of one field. */
export class Field {
  /** @param {string} name */
  constructor(name) {
    this.name = name;
    this.products = 0;
    this.long = false;
    /** @type {Map<string, {value: Value, count: number}>} */
    this.values = new Map();
  }

  /** @param {any} given of one product */
  learn(given) {
    this.products += 1;
    const values = Array.isArray(given) ? [...new Set(given)].filter(comparable).map((one) => /** @type {Value} */ ([one])) : [given].filter(comparable);
    for (const value of values) this.add(value, 1);
  }

  /** @param {Value} value @param {number} count */
  add(value, count) {
    this.long ||= String(value).length > LONG;
    if (this.long) return this.values.clear();
    const known = this.values.get(keyOf(value));
    if (known) known.count += count;
    else this.values.set(keyOf(value), { value, count });
  }

  /** A value met outside the products that are counted. @param {Scalar} scalar */
  meet(scalar) {
    if (this.shape !== "both") this.add(this.shape === "list" ? [scalar] : scalar, 0);
  }

  /** @returns {"list"|"one"|"both"} */
  get shape() {
    const values = [...this.values.values()];
    const lists = values.filter(({ value }) => Array.isArray(value)).length;
    return lists === 0 ? "one" : lists === values.length ? "list" : "both";
  }

  /** Whether choosing a value divides the products. @param {number} total */
  helps(total) {
    const { size } = this.values;
    const names = size > FEW && size * 3 > this.products;
    const same = size === 1 && this.products === total;
    return size > 0 && !this.long && !names && !same;
  }

  /** Whether products share its values, each of them one. */
  get groups() {
    return this.shape === "one" && this.values.size > 1 && this.values.size < this.products;
  }

  /** Many products and few values first. @param {number} total */
  use(total) {
    return this.products / total / Math.log2(1 + this.values.size);
  }

  /** The most frequent values, in the order of their texts. */
  get listed() {
    const frequent = [...this.values.values()].sort((a, b) => b.count - a.count).slice(0, MOST_VALUES);
    return frequent.sort((a, b) => String(a.value).localeCompare(String(b.value), undefined, { numeric: true }));
  }
}
