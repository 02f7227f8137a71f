// The lanes of a search: one, or two side by side.
import { agreement, markPlaces } from "./agreement.js";
import { byId, toggle } from "./dom.js";
import { Lane } from "./lane.js";
import { asSet } from "./query.js";

/** @typedef {import("./query.js").Query} Query */

/** Makes lanes for the configurations of a query and runs them one after the other. */
export class Lanes {
  /** @param {any} wiring as of `Lane`, with `options` filled in later */
  constructor(wiring) {
    this.wiring = wiring;
    /** @type {Lane[]} */
    this.lanes = [];
    this.set([asSet()]);
  }

  get configurations() {
    return this.lanes.map((lane) => lane.configuration);
  }

  /** @param {import("./query.js").Configuration[]} configurations */
  set(configurations) {
    const pair = configurations.length > 1;
    this.lanes = configurations.map((one, place) => new Lane(pair ? "AB"[place] : "", one, this.wiring));
    byId("lanes").replaceChildren(...this.lanes.map((lane) => lane.element));
    byId("lanes").classList.toggle("pair", pair);
    byId("compare").checked = pair;
    toggle(byId("agreement"), false);
  }

  /** The second lane starts in retrieval order: the first thing one wants to compare with. */
  compare() {
    this.set([this.configurations[0], { ...asSet(), rerank: false }]);
  }

  alone() {
    this.set([this.configurations[0]]);
  }

  /**
   * One after the other, so that their times can be compared.
   * @param {Query} query @param {AbortSignal} signal @param {(answer: any) => void} learn
   */
  async run(query, signal, learn) {
    toggle(byId("agreement"), false);
    for (const lane of this.lanes) await lane.run(query, signal, learn);
    const [first, second] = this.lanes;
    if (!second) return;
    byId("agreement").textContent = agreement(first.answer, second.answer);
    toggle(byId("agreement"), true);
    markPlaces(first, second);
    markPlaces(second, first);
  }

  /** Whether the answers are there and all of them empty. */
  get nothing() {
    return this.lanes.every(({ answer }) => answer?.results.length === 0);
  }

  clear() {
    this.set(this.configurations);
  }
}
