// The milliseconds of an answer as one bar.
import { h } from "./dom.js";
import { duration } from "./format.js";

const STAGES = ["decode", "embed", "retrieve", "load", "extract", "caption", "rerank", "refine"];
const WHAT = {
  decode: "decode the image",
  embed: "embed image and text as one vector",
  retrieve: "find the nearest products",
  load: "load the candidates' images",
  extract: "look at images that were never ranked",
  caption: "caption the image",
  rerank: "rank the candidates",
  refine: "search once more",
};

/** @param {Record<string, number>} times */
export function timingBar(times) {
  const stages = STAGES.filter((stage) => stage in times);
  const known = stages.reduce((sum, stage) => sum + times[stage], 0);
  const whole = Math.max(times.total ?? known, known, 0.001);
  const parts = stages.map((stage) => part(stage, times[stage] / whole, times[stage]));
  return h(
    "div",
    { class: "timings" },
    h("div", { class: "timing-bar", "aria-hidden": true }, ...parts),
    h("table", { class: "legend" }, h("caption", { class: "visually-hidden" }, "Time of each stage"), h("tbody", {}, ...stages.map((stage) => row(stage, times[stage])), total(whole))),
  );
}

/** @param {string} stage @param {number} share 0…1 @param {number} ms */
function part(stage, share, ms) {
  const element = h("span", { class: `t-${stage}`, title: `${stage} ${duration(ms)}` });
  element.style.setProperty("flex-grow", String(share)); // through the object model: the policy forbids the attribute
  return element;
}

/** @param {string} stage @param {number} ms */
const row = (stage, ms) =>
  h("tr", {}, h("th", { scope: "row" }, h("i", { class: `t-${stage}` }), stage), h("td", {}, WHAT[stage]), h("td", { class: "number" }, duration(ms)));

/** @param {number} ms */
const total = (ms) => h("tr", { class: "total" }, h("th", { scope: "row" }, "total"), h("td"), h("td", { class: "number" }, duration(ms)));
