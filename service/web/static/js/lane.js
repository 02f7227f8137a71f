// One configuration and its results. The page has one lane, or two that are compared.
import { configurationForm } from "./configuration.js";
import { h, painted } from "./dom.js";
import { count, duration } from "./format.js";
import { Grid } from "./grid.js";
import { degradedWords } from "./problem.js";
import { search } from "./search.js";

/** @typedef {import("./query.js").Query} Query */
/** @typedef {import("./query.js").Configuration} Configuration */

/** Heading, steps, form and grid. */
export class Lane {
  /**
   * @param {string} name "" for a lane alone
   * @param {Configuration} configuration
   * @param {{options: any, like: (product: any) => void, open: (lane: Lane, id: string|null) => void,
   *   onChange: () => void}} wiring
   */
  constructor(name, configuration, wiring) {
    this.name = name;
    this.configuration = configuration;
    this.wiring = wiring;
    /** @type {any} the answer that is shown */
    this.answer = null;
    /** @type {import("./query.js").Picture|null} the query's */
    this.picture = null;
    this.found = "";
    this.steps = h("p", { class: "steps", role: "status" });
    this.why = h("button", { type: "button", class: "quiet why", hidden: true, onclick: () => wiring.open(this, null) }, "Why this order?");
    this.degraded = h("p", { class: "notice hint degraded", role: "status", hidden: true });
    this.form = h("div");
    this.showForm();
    const list = h("ol", { class: "cards" });
    this.grid = new Grid(list, { open: (id) => wiring.open(this, id), like: wiring.like });
    this.element = this.frame(list);
  }

  /** @param {HTMLElement} list */
  frame(list) {
    const { name } = this;
    const details = h("details", { class: "settings", open: name !== "" }, h("summary", {}, "How it is ranked"), this.form);
    const title = h("h2", { class: name ? "" : "visually-hidden" }, name ? `Configuration ${name}` : "Results");
    return h("section", { class: "lane" }, title, h("div", { class: "lane-head" }, this.steps, this.why, details), this.degraded, list);
  }

  /** The form with the options that are known now. */
  showForm() {
    const { configuration, wiring } = this;
    this.form.replaceChildren(configurationForm(configuration, wiring.options, wiring.onChange));
  }

  /**
   * @param {Query} query
   * @param {AbortSignal} signal
   * @param {(products: any[]) => void} learn
   */
  async run(query, signal, learn) {
    const start = performance.now();
    this.begin();
    this.picture = query.picture;
    const take = {
      retrieved: (/** @type {any} */ answer) => {
        learn(answer.results.map((/** @type {any} */ result) => result.product));
        this.show(answer, false, performance.now() - start);
      },
      ranked: (/** @type {any} */ answer) => this.show(answer, true, performance.now() - start),
    };
    try {
      await search(query, this.configuration, take, signal);
    } catch (error) {
      this.steps.replaceChildren();
      this.element.removeAttribute("aria-busy");
      throw error;
    }
  }

  begin() {
    this.element.setAttribute("aria-busy", "true");
    this.found = "";
    this.steps.replaceChildren(h("span", { class: "step now" }, "Searching…"));
    this.degraded.hidden = true;
    this.why.hidden = true;
    this.answer = null;
  }

  /** @param {any} answer @param {boolean} final @param {number} ms since the search began */
  show(answer, final, ms) {
    this.answer = answer;
    this.grid.show(answer.results, answer.rerank.applied);
    const waiting = !final && this.configuration.rerank && answer.results.length > 0;
    this.found ||= `${count(answer.results.length, "product")} found in ${duration(ms)}`;
    const steps = [h("span", { class: "step" }, answer.results.length ? this.found : "Nothing in the catalogue matches.")];
    if (waiting) steps.push(h("span", { class: "step now" }, "Reranking…"));
    if (final && answer.rerank.applied && answer.results.length) steps.push(h("span", { class: "step" }, reranked(answer, ms)));
    this.steps.replaceChildren(...steps);
    if (final) this.finish(answer);
    void painted().then(() => performance.mark(`withthis:${final ? "ranked" : "retrieved"}`));
  }

  /** @param {any} answer */
  finish(answer) {
    this.element.removeAttribute("aria-busy");
    this.why.hidden = answer.results.length === 0;
    this.degraded.hidden = !answer.rerank.degraded;
    if (answer.rerank.degraded) this.degraded.textContent = degradedWords(answer.rerank.degraded);
  }
}

/** @param {any} answer @param {number} ms */
function reranked(answer, ms) {
  const moved = answer.results.filter((/** @type {any} */ result) => result.rank !== result.retrieval_rank).length;
  return `reranked after ${duration(ms)}, ${moved ? `${moved} moved` : "none moved"}`;
}
