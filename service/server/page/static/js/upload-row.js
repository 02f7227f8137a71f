// An image that becomes a product.
import { h } from "./dom.js";

const OUTCOMES = { created: "Added", updated: "Replaced", unchanged: "Already in the catalog" };

/** Fields, progress and outcome of one product. */
export class UploadRow {
  /** @param {File} file @param {(row: UploadRow) => void} remove */
  constructor(file, remove) {
    this.file = file;
    this.done = false;
    const name = file.name.replace(/\.[^.]*$/, "");
    const title = name.replace(/[-_]+/g, " ").trim();
    this.fields = {
      title: h("input", { type: "text", value: title.charAt(0).toUpperCase() + title.slice(1), maxlength: 512 }),
      id: h("input", { type: "text", value: name, maxlength: 256, required: true, spellcheck: false }),
      category: h("input", { type: "text", maxlength: 256 }),
      price: h("input", { type: "number", min: 0, step: "0.01", inputmode: "decimal" }),
    };
    this.bar = h("progress", { max: 1, value: 0, "aria-label": `Progress of ${file.name}` });
    this.outcome = h("p", { class: "outcome", role: "status" });
    this.element = this.frame(remove);
  }

  /** @param {(row: UploadRow) => void} remove */
  frame(remove) {
    const url = URL.createObjectURL(this.file);
    const img = h("img", { src: url, alt: "", width: 96, height: 96 });
    const labels = Object.entries(this.fields).map(([name, field]) => h("label", { class: `field-${name}` }, name, field));
    const away = h("button", { type: "button", class: "tool", "aria-label": `Remove ${this.file.name}`, onclick: () => remove(this) }, "×");
    return h("li", { class: "row" }, img, h("div", { class: "fields" }, ...labels, this.bar, this.outcome), away);
  }

  /** The JSON of the product. */
  product() {
    const { id, title, category, price } = this.fields;
    return {
      id: id.value.trim(),
      title: title.value.trim(),
      ...(category.value.trim() && { category: category.value.trim() }),
      ...(price.value !== "" && { price: Number(price.value) }),
    };
  }

  /** @param {number} share 0…1; what is sent still has to be read and embedded */
  progress(share) {
    this.bar.value = share;
    this.outcome.className = "outcome";
    this.outcome.textContent = share < 1 ? "Sending…" : "Processing the image…";
  }

  /** @param {string} status */
  finish(status) {
    this.done = true;
    this.bar.value = 1;
    this.element.classList.add("done");
    this.outcome.className = "outcome ok";
    this.outcome.textContent = OUTCOMES[status] ?? "Stored";
    for (const field of Object.values(this.fields)) field.disabled = true;
  }

  /** @param {string} words */
  fail(words) {
    this.bar.value = 0;
    this.outcome.className = "outcome bad";
    this.outcome.textContent = words;
  }
}
