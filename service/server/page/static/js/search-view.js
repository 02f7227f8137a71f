// The view "Search": the composer, and what comes of it.
import { Balance } from "./balance.js";
import { byId, h, toggle } from "./dom.js";
import { exampleText } from "./examples.js";
import { Filters } from "./filters.js";
import { Lanes } from "./lanes.js";
import { explainNothing } from "./nothing.js";
import { Notice } from "./notice.js";
import { address, queryOf } from "./permalink.js";
import { ImageSlot } from "./image-slot.js";
import { isEmpty } from "./query.js";
import { remember } from "./recent.js";
import { copyLink } from "./share.js";
import { Shape } from "./shape.js";
import { Sheet } from "./sheet.js";
import { showWelcome } from "./welcome.js";
import { home } from "./where.js";

const LIMITS = [6, 9, 18, 36];

/** @typedef {import("./query.js").Query} Query */

/** Reads the query from the page and the address, runs it, and shows what came. */
export class SearchView {
  /** @param {import("./vocabulary.js").Vocabulary} vocabulary @param {() => void} reveal opens this view */
  constructor(vocabulary, reveal) {
    this.vocabulary = vocabulary;
    this.reveal = reveal;
    /** @type {any} */
    this.options = null;
    /** @type {import("./query.js").QueryImage|null} the image that came with the address */
    this.restored = null;
    /** @type {object|null} a mark of the address that is being opened */
    this.opening = null;
    /** @type {AbortController|null} */
    this.running = null;
    this.notice = new Notice(byId("notice"));
    this.slot = new ImageSlot({ limits: () => this.options?.limits ?? null, onChange: () => this.outdated(), onCrop: () => this.again(), complain: (text) => this.notice.say(text) });
    this.balance = new Balance(() => this.again());
    this.filters = new Filters(byId("filters"), vocabulary, () => this.again());
    this.shape = new Shape(vocabulary, () => this.again());
    this.sheet = new Sheet((product) => this.like(product));
    const view = this;
    this.lanes = new Lanes({
      get options() {
        return view.options;
      },
      like: (/** @type {any} */ product) => this.like(product),
      open: (/** @type {any} */ lane, /** @type {string|null} */ id) => this.sheet.open(lane, id),
      browse: (/** @type {any[]} */ products, /** @type {string} */ id) => this.sheet.browse(products, id),
      onChange: () => this.again(),
      fail: (/** @type {unknown} */ error, /** @type {() => void} */ retry) => this.notice.fail(error, retry),
    });
    this.limits(9);
    this.wire();
  }

  /** The address of what is shown. */
  get address() {
    return byId("bar").hidden ? home : address(this.query());
  }

  wire() {
    byId("composer").addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      this.submit();
    });
    byId("limit").addEventListener("change", () => this.again());
    byId("compare").addEventListener("change", () => {
      if (byId("compare").checked) this.lanes.compare();
      else this.lanes.alone();
      this.again();
    });
    byId("link").addEventListener("click", () => copyLink(this.query(), this.notice));
  }

  /** @param {any} options of /v1/search/options */
  know(options) {
    this.options = options;
    byId("text").maxLength = options.limits.text_chars;
    this.limits(Number(byId("limit").value) || options.defaults.limit);
    for (const lane of this.lanes.lanes) lane.showForm();
    this.showBalance();
  }

  /** The slider has an effect only with an image, and where the encoder adds up words and image. */
  showBalance() {
    this.balance.show(Boolean(this.options?.weighs_parts && this.slot.image));
  }

  /** @param {number} chosen */
  limits(chosen) {
    const most = this.options?.limits.limit ?? 100;
    const values = [...new Set([...LIMITS, chosen])].filter((n) => n <= most).sort((a, b) => a - b);
    byId("limit").replaceChildren(...values.map((n) => h("option", { selected: n === chosen }, n)));
  }

  /** @returns {Query} */
  query() {
    return {
      text: byId("text").value.trim(),
      image: this.slot.image,
      conditions: this.filters.conditions,
      limit: Number(byId("limit").value),
      configurations: this.lanes.configurations,
      facets: this.filters.facets,
      sort: this.shape.sort,
      group: this.shape.group,
      share: this.options?.weighs_parts === false ? null : this.balance.share,
    };
  }

  /** @param {Query} query */
  set(query) {
    byId("text").value = query.text;
    this.slot.set(query.image);
    this.balance.set(query.share ?? null);
    this.filters.set(query.conditions);
    if (query.limit) this.limits(query.limit);
    this.shape.set(query.sort ?? "", query.group ?? "");
    this.lanes.set(query.configurations);
  }

  /** Show what the address says. @param {URL|Location} url */
  async open(url) {
    const mark = (this.opening = {});
    try {
      const { query, lost } = await queryOf(url);
      if (this.opening !== mark) return;
      this.set(query);
      this.restored = query.image;
      if (lost || isEmpty(query)) this.welcome();
      else await this.run();
      if (lost) this.miss(lost);
    } catch (error) {
      this.notice.fail(error, () => this.open(url));
    }
  }

  /** The query of an address without its image is another query: nobody gets its results unasked. @param {string} lost */
  miss(lost) {
    const without = h("button", { type: "button", class: "quiet", onclick: () => this.submit() }, "Search without it");
    this.notice.say(lost, "hint", ...(byId("text").value ? [without] : []));
  }

  /** Ask as if Enter was pressed, with a new entry in the history. */
  async submit() {
    performance.clearMarks();
    performance.mark("withthis:enter");
    const link = address(this.query());
    const other = location.hash && this.slot.image !== this.restored; // the address holds another image
    if (other || link !== location.pathname + location.search) history.pushState(null, "", link);
    await this.run();
  }

  /** Something about the query was changed: if there is an answer, it is no longer right. */
  again() {
    if (!byId("bar").hidden) this.submit();
  }

  /** The image is another one, and the results are still of the query before. */
  outdated() {
    this.notice.clear();
    this.showBalance();
    if (!byId("bar").hidden) this.notice.say("These are still the results of the previous query. Press Enter to search again.", "hint");
  }

  async run() {
    this.opening = null;
    const query = this.query();
    this.running?.abort();
    const { signal } = (this.running = new AbortController());
    this.notice.clear();
    if (isEmpty(query)) {
      this.notice.say("Type a sentence, choose an image, or both.", "hint");
      return;
    }
    byId("welcome").replaceChildren();
    toggle(byId("bar"), true);
    try {
      await this.lanes.run(query, signal, (answer) => this.learn(answer));
      if (this.lanes.nothing) await explainNothing(this.filters, this.notice, signal, this.lanes.lanes[0].answer.notices);
      await remember(query).catch(() => {}); // an image that this browser cannot read is not remembered
    } catch (error) {
      this.notice.fail(error, () => this.run());
    }
  }

  /** @param {any} answer */
  learn({ results, facets }) {
    this.vocabulary.learn(results.map((/** @type {any} */ { product }) => product));
    this.filters.count(facets);
  }

  /** @param {any} product */
  like(product) {
    if (byId("view-search").hidden) {
      this.forget();
      this.reveal();
    }
    this.slot.set({ kind: "product", id: product.id, title: product.title, url: product.image_url });
    const field = byId("text");
    field.focus();
    field.select();
    scrollTo({ top: 0 });
  }

  /** Show no results. */
  forget() {
    this.running?.abort();
    this.notice.clear();
    toggle(byId("bar"), false);
    this.lanes.clear();
    this.filters.count(null);
  }

  /** What to do first. */
  welcome() {
    this.forget();
    this.suggest();
  }

  /** Examples and recent queries, and a placeholder that fits the catalog; again once more of it is known. */
  suggest() {
    byId("text").placeholder = exampleText(this.vocabulary) || byId("text").placeholder;
    if (!byId("bar").hidden) return;
    showWelcome(this.vocabulary, (text, image) => this.use(text, image), (link) => this.visit(link));
  }

  /** An example. @param {string} text @param {import("./query.js").QueryImage|null} image */
  use(text, image) {
    byId("text").value = text;
    this.slot.set(image);
    this.submit();
  }

  /** @param {string} link of a recent query */
  visit(link) {
    const url = new URL(link, location.href);
    history.pushState(null, "", url.pathname + url.search);
    this.open(url);
  }
}
