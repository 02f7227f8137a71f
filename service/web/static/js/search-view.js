// The view "Search": the composer, and what comes of it.
import { byId, h, toggle } from "./dom.js";
import { examples } from "./examples.js";
import { Filters } from "./filters.js";
import { Lanes } from "./lanes.js";
import { Notice } from "./notice.js";
import { address, fullAddress, queryOf } from "./permalink.js";
import { PictureSlot } from "./picture.js";
import { isEmpty } from "./query.js";
import { recents, remember } from "./recent.js";
import { Sheet } from "./sheet.js";

const LIMITS = [6, 9, 18, 36];

/** @typedef {import("./query.js").Query} Query */

/** Reads the query from the page and the address, runs it, and shows what came. */
export class SearchView {
  /** @param {import("./vocabulary.js").Vocabulary} vocabulary */
  constructor(vocabulary) {
    this.vocabulary = vocabulary;
    /** @type {any} */
    this.options = null;
    /** @type {any[]} */
    this.sample = [];
    /** @type {AbortController|null} */
    this.running = null;
    this.notice = new Notice(byId("notice"));
    this.slot = new PictureSlot({ limits: () => this.options?.limits ?? null, onChange: () => this.notice.clear(), complain: (text) => this.notice.say(text) });
    this.filters = new Filters(byId("filters"), vocabulary, () => this.again());
    this.sheet = new Sheet((product) => this.like(product));
    const view = this;
    this.lanes = new Lanes({
      get options() {
        return view.options;
      },
      like: (/** @type {any} */ product) => this.like(product),
      open: (/** @type {any} */ lane, /** @type {string|null} */ id) => this.sheet.open(lane, id),
      onChange: () => this.again(),
    });
    this.limits(9);
    this.wire();
  }

  /** The address of what is shown. */
  get address() {
    return byId("bar").hidden ? "/" : address(this.query());
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
    byId("link").addEventListener("click", () => this.copyLink());
  }

  /** @param {any} options of /v1/search/options */
  know(options) {
    this.options = options;
    byId("text").maxLength = options.limits.text_chars;
    this.limits(Number(byId("limit").value) || options.defaults.limit);
    for (const lane of this.lanes.lanes) lane.showForm();
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
      picture: this.slot.picture,
      conditions: this.filters.conditions,
      limit: Number(byId("limit").value),
      configurations: this.lanes.configurations,
    };
  }

  /** @param {Query} query */
  set(query) {
    byId("text").value = query.text;
    this.slot.set(query.picture);
    this.filters.set(query.conditions);
    if (query.limit) this.limits(query.limit);
    this.lanes.set(query.configurations);
  }

  /** Show what the address says. @param {URL|Location} url */
  async open(url) {
    this.set(await queryOf(url));
    if (isEmpty(this.query())) this.welcome();
    else await this.run();
  }

  /** Ask as if Enter was pressed, with a new entry in the history. */
  async submit() {
    performance.clearMarks();
    performance.mark("withthis:enter");
    const link = address(this.query());
    if (link !== location.pathname + location.search) history.pushState(null, "", link);
    await this.run();
  }

  /** Something about the query was changed: if there is an answer, it is no longer right. */
  again() {
    if (!byId("bar").hidden) this.submit();
  }

  async run() {
    const query = this.query();
    this.running?.abort();
    const { signal } = (this.running = new AbortController());
    this.notice.clear();
    if (isEmpty(query)) {
      this.notice.say("Type a sentence, choose a picture, or both.", "hint");
      return;
    }
    byId("welcome").replaceChildren();
    toggle(byId("bar"), true);
    try {
      await this.lanes.run(query, signal, (products) => this.vocabulary.learn(products));
      await remember(query).catch(() => {}); // a picture that this browser cannot read is not remembered
    } catch (error) {
      this.notice.fail(error, () => this.run());
    }
  }

  /** @param {any} product */
  like(product) {
    this.slot.set({ kind: "product", id: product.id, title: product.title, url: product.image_url });
    const field = byId("text");
    field.focus();
    field.select();
    scrollTo({ top: 0 });
  }

  /** What to do first. @param {any[]} [sample] products of the catalogue */
  welcome(sample = this.sample) {
    this.sample = sample;
    this.running?.abort();
    toggle(byId("bar"), false);
    this.lanes.clear();
    const use = (/** @type {string} */ text, /** @type {any} */ picture) => {
      byId("text").value = text;
      this.slot.set(picture);
      this.submit();
    };
    const parts = [examples(sample, use), recents((link) => this.visit(link))];
    byId("welcome").replaceChildren(...parts.filter((part) => part !== null));
  }

  /** @param {string} link of a recent query */
  visit(link) {
    const url = new URL(link, location.href);
    history.pushState(null, "", url.pathname + url.search);
    this.open(url);
  }

  async copyLink() {
    const link = await fullAddress(this.query());
    try {
      await navigator.clipboard.writeText(link);
      this.notice.say("The link is in the clipboard. A picture of your own is in it, reduced.", "hint");
    } catch {
      this.notice.say("Copy this link:", "hint", h("input", { type: "text", readonly: true, value: link, "aria-label": "Link to this query" }));
    }
  }
}
