// One configuration and its results. The page has one lane, or two that are compared.
import { configurationForm } from "./configuration.js";
import { h, painted, toggle } from "./dom.js";
import { count, duration } from "./format.js";
import { Grid } from "./grid.js";
import { degradedWords } from "./problem.js";
import { search, searchFurther } from "./search.js";
import { shapeWords } from "./shape.js";
import { understoodWords } from "./understood.js";

/** @typedef {import("./query.js").Query} Query */
/** @typedef {import("./query.js").Configuration} Configuration */

/** Heading, steps, form and grid. */
export class Lane {
  /**
   * @param {string} name "" for a lane alone
   * @param {Configuration} configuration
   * @param {{options: any, like: (product: any) => void, open: (lane: Lane, id: string|null) => void,
   *   browse: (products: any[], id: string) => void,
   *   onChange: () => void, fail: (error: unknown, retry: () => void) => void}} wiring
   */
  constructor(name, configuration, wiring) {
    this.name = name;
    this.configuration = configuration;
    this.wiring = wiring;
    /** @type {any} the answer that is shown */
    this.answer = null;
    /** @type {import("./query.js").QueryImage|null} the query's */
    this.image = null;
    this.ms = 0;
    /** @type {(() => Promise<any>)|null} asks for the next page */
    this.further = null;
    this.more = h("button", { type: "button", class: "wide", hidden: true, onclick: () => this.showMore() }, "Show more");
    this.unranked = h("p", { class: "soft unranked", hidden: true });
    this.steps = h("p", { class: "steps", role: "status" });
    this.why = h("button", { type: "button", class: "quiet why", hidden: true, onclick: () => wiring.open(this, null) }, "Why this order?");
    this.degraded = h("p", { class: "notice hint degraded", role: "status", hidden: true });
    this.understood = h("p", { class: "soft understood", role: "status", hidden: true });
    this.shaped = h("p", { class: "soft shaped", role: "status", hidden: true });
    this.form = h("div");
    this.showForm();
    const list = h("ol", { class: "cards" });
    this.grid = new Grid(list, { open: (id) => wiring.open(this, id), like: wiring.like, browse: wiring.browse });
    this.element = this.frame(list);
  }

  /** @param {HTMLElement} list */
  frame(list) {
    const { name } = this;
    const details = h("details", { class: "settings", open: name !== "" }, h("summary", {}, "How it is ranked"), this.form);
    const title = h("h2", { class: name ? "" : "visually-hidden" }, name ? `Configuration ${name}` : "Results");
    return h("section", { class: "lane" }, title, h("div", { class: "lane-head" }, this.steps, this.why, details), this.understood, this.shaped, this.degraded, list, this.unranked, this.more);
  }

  /** The form with the options that are known now. */
  showForm() {
    const { configuration, wiring } = this;
    this.form.replaceChildren(configurationForm(configuration, wiring.options, wiring.onChange));
  }

  /**
   * @param {Query} query
   * @param {AbortSignal} signal
   * @param {(answer: any) => void} learn
   */
  async run(query, signal, learn) {
    const start = performance.now();
    this.begin();
    this.image = query.image;
    this.further = () => searchFurther(query, this.configuration, this.answer.next_cursor, signal);
    const take = {
      retrieved: (/** @type {any} */ answer) => {
        learn(answer);
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
    this.ms = 0;
    toggle(this.more, false);
    toggle(this.unranked, false);
    this.steps.replaceChildren(h("span", { class: "step now" }, "Searching…"));
    this.degraded.hidden = true;
    this.understood.hidden = true;
    this.shaped.hidden = true;
    this.why.hidden = true;
    this.answer = null;
  }

  /** @param {any} answer @param {boolean} final @param {number} ms since the search began */
  show(answer, final, ms) {
    this.answer = answer;
    this.understood.textContent = understoodWords(answer.understood);
    toggle(this.understood, this.understood.textContent !== "");
    this.shaped.textContent = shapeWords(answer);
    toggle(this.shaped, this.shaped.textContent !== "");
    this.grid.show(answer.results, answer.rerank.applied);
    const waiting = !final && this.configuration.rerank && !answer.sorted && answer.results.length > 0;
    this.ms ||= ms;
    const steps = [h("span", { class: "step" }, answer.results.length ? shown(answer, this.ms) : "No products found.")];
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
    toggle(this.more, Boolean(answer.next_cursor) && !this.name); // two lanes are compared by their first pages
  }

  /** The next page, behind those shown. */
  async showMore() {
    const { answer, further } = this;
    if (!further || !answer) return;
    try {
      const page = await further();
      if (this.answer === answer) this.append(page);
    } catch (error) {
      this.wiring.fail(error, () => this.showMore());
    }
  }

  /** @param {any} page */
  append({ results, next_cursor }) {
    const { answer } = this;
    const later = results.map((/** @type {any} */ result) => ({ ...result, later: true }));
    this.answer = { ...answer, results: [...answer.results, ...later], next_cursor };
    this.grid.show(this.answer.results, answer.rerank.applied);
    this.steps.replaceChildren(h("span", { class: "step" }, showing(this.answer)));
    const first = this.answer.results.find((/** @type {any} */ { later }) => later);
    this.unranked.textContent = first ? `From place ${first.rank} on in retrieval order: only the first page is reranked.` : "";
    toggle(this.unranked, answer.rerank.applied && Boolean(first));
    toggle(this.more, next_cursor !== null);
    if (later.length) this.grid.focus(later[0].product.id);
  }
}

/** @param {any} answer which has a limit: what is shown is not what there is */
function showing({ results, next_cursor: next }) {
  return next ? `Showing the first ${count(results.length, "product")}, there are more` : `Showing ${count(results.length, "product")}`;
}

/** @param {any} answer @param {number} ms */
const shown = (answer, ms) => `${showing(answer)}; retrieved in ${duration(ms)}`;

/** @param {any} answer @param {number} ms */
function reranked(answer, ms) {
  const moved = answer.results.filter((/** @type {any} */ result) => result.rank !== result.retrieval_rank).length;
  return `reranked after ${duration(ms)}, ${moved ? `${moved} moved` : "none moved"}`;
}
