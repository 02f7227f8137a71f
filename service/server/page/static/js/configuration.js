// The form that says how one lane is ranked.
import { h } from "./dom.js";

/** @typedef {import("./query.js").Configuration} Configuration */

/**
 * @param {Configuration} configuration changed in place
 * @param {any} options of /v1/search/options; null as long as they are not known
 * @param {() => void} onChange
 */
export function configurationForm(configuration, options, onChange) {
  const change = (/** @type {Partial<Configuration>} */ part) => {
    Object.assign(configuration, part);
    onChange();
  };
  const rerank = h("input", { type: "checkbox", checked: configuration.rerank });
  rerank.addEventListener("change", () => change({ rerank: rerank.checked }));
  const { strategy, fusion_weight: weight } = options?.defaults ?? { strategy: "", fusion_weight: 1 };
  return h(
    "div",
    { class: "configuration" },
    h("label", { class: "check" }, rerank, " Rerank"),
    choice("Strategy", options?.strategies ?? [], configuration.strategy, strategy, (value) => change({ strategy: value })),
    choice("Prompt", options?.prompts ?? [], configuration.prompt, "the engine's own", (value) => change({ prompt: value })),
    slider(configuration.weight ?? weight, (value) => change({ weight: value })),
  );
}

/**
 * @param {string} name
 * @param {string[]} values
 * @param {string} chosen
 * @param {string} standard
 * @param {(value: string) => void} change
 */
function choice(name, values, chosen, standard, change) {
  const all = chosen && !values.includes(chosen) ? [...values, chosen] : values;
  const options = all.map((value) => h("option", { value, selected: value === chosen }, value));
  const select = h("select", {}, h("option", { value: "" }, standard ? `${standard} (default)` : "default"), ...options);
  select.addEventListener("change", () => change(select.value));
  return h("label", {}, name, select);
}

/** @param {number} weight @param {(value: number) => void} change */
function slider(weight, change) {
  const shown = h("span", { class: "number", "aria-hidden": true }, weight.toFixed(2));
  const input = h("input", { type: "range", min: 0, max: 1, step: 0.05, value: weight });
  input.addEventListener("input", () => (shown.textContent = Number(input.value).toFixed(2)));
  input.addEventListener("change", () => change(Number(input.value)));
  const title = "1: the reranker's order alone; 0: the retrieval order alone";
  return h("label", { title }, "Reranker weight ", shown, input);
}
