// The view "Add products": images become rows, rows become products.
import { byId, h, toggle } from "./dom.js";
import { dropZone } from "./drop.js";
import { count } from "./format.js";
import { Notice } from "./notice.js";
import { Problem } from "./problem.js";
import { putProduct } from "./put.js";
import { UploadRow } from "./upload-row.js";

/** Rows that wait, and those that are sent. */
export class Upload {
  /** @param {(product: any) => void} added */
  constructor(added) {
    this.added = added;
    /** @type {UploadRow[]} */
    this.rows = [];
    this.notice = new Notice(byId("add-notice"));
    this.status = byId("add-status");
    const input = byId("uploads");
    input.addEventListener("change", () => {
      this.take([...input.files]);
      input.value = "";
    });
    dropZone(byId("uploads-drop"), (files) => this.take(files));
    byId("send").addEventListener("click", () => this.send());
  }

  /** @param {File[]} files */
  take(files) {
    const images = files.filter((file) => file.type.startsWith("image/"));
    const others = files.length - images.length;
    this.notice.clear();
    if (others) this.notice.say(`${count(others, "file is", "files are")} not an image and left out.`, "hint");
    const rows = images.map((file) => new UploadRow(file, (row) => this.remove(row)));
    this.rows.push(...rows);
    byId("rows").append(...rows.map((row) => row.element));
    this.show();
  }

  /** @param {UploadRow} row */
  remove(row) {
    this.rows = this.rows.filter((one) => one !== row);
    row.element.remove();
    this.show();
  }

  show() {
    const waiting = this.rows.filter((row) => !row.done).length;
    toggle(byId("send"), waiting > 0);
    byId("send").textContent = `Add ${count(waiting, "product")} to the catalog`;
  }

  /** One after the other: the service writes one at a time. */
  async send() {
    const button = byId("send");
    button.disabled = true;
    this.notice.clear();
    const waiting = this.rows.filter((row) => !row.done);
    let stored = 0;
    for (const [place, row] of waiting.entries()) {
      this.status.textContent = `Sending ${place + 1} of ${waiting.length}…`;
      const outcome = await this.sendRow(row);
      if (outcome === "stop") break;
      stored += Number(outcome === "stored");
    }
    button.disabled = false;
    this.status.replaceChildren(h("span", {}, `${stored} of ${waiting.length} stored.`));
    this.show();
  }

  /** @param {UploadRow} row @returns {Promise<"stored"|"refused"|"stop">} */
  async sendRow(row) {
    try {
      const item = await putProduct(row.product(), row.file, (share) => row.progress(share));
      row.finish(item?.status ?? "stored");
      this.added(row.product());
      return "stored";
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      row.fail(error.words);
      if ([400, 404, 413, 415, 422].includes(error.status)) return "refused"; // this image alone is at fault
      this.notice.fail(error, () => this.send());
      return "stop";
    }
  }
}
