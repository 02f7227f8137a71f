// The picture of the query: dropped, pasted, chosen, or a product's.
import { byId, toggle } from "./dom.js";
import { dropZone } from "./drop.js";
import { setPicture } from "./thumbs.js";

/** @typedef {import("./query.js").Picture} Picture */

const TYPES = ["image/jpeg", "image/png", "image/webp"];

/** The square beside the sentence. */
export class PictureSlot {
  /**
   * @param {{limits: () => {image_bytes: number}|null, onChange: () => void, complain: (text: string) => void}} wiring
   */
  constructor(wiring) {
    this.wiring = wiring;
    /** @type {Picture|null} */
    this.picture = null;
    this.preview = byId("preview");
    const input = byId("picture");
    input.addEventListener("change", () => this.take(input.files[0]));
    byId("clear").addEventListener("click", () => {
      this.set(null);
      input.focus();
    });
    dropZone(byId("slot"), (files) => this.take(files[0]));
    document.addEventListener("paste", (event) => this.take(event.clipboardData?.files[0]));
  }

  /** Use a file if it can be used. @param {File|undefined} file */
  take(file) {
    if (!file || byId("view-search").hidden) return;
    byId("picture").value = "";
    const most = this.wiring.limits()?.image_bytes ?? Infinity;
    if (!TYPES.includes(file.type)) this.wiring.complain("Only JPEG, PNG and WebP pictures can be used.");
    else if (file.size > most) this.wiring.complain(`The picture is too large: ${mib(file.size)}, where ${mib(most)} are allowed. Reduce it and try again.`);
    else this.set({ kind: "file", file });
  }

  /** @param {Picture|null} picture */
  set(picture) {
    if (this.preview.src.startsWith("blob:")) URL.revokeObjectURL(this.preview.src);
    this.picture = picture;
    toggle(this.preview, picture !== null);
    toggle(byId("slot-hint"), picture === null);
    toggle(byId("clear"), picture !== null);
    this.show();
    this.wiring.onChange();
  }

  show() {
    const { picture, preview } = this;
    const note = byId("picture-note");
    toggle(note, picture?.kind === "product");
    if (picture?.kind === "product") note.textContent = `Like “${picture.title}”, but…`;
    preview.alt = picture?.kind === "product" ? picture.title : picture ? "The picture of your query" : "";
    if (!picture) preview.removeAttribute("src");
    else if (picture.kind !== "product") preview.src = URL.createObjectURL(picture.file);
    else if (picture.url) setPicture(preview, picture.url, 256);
    else preview.removeAttribute("src");
  }
}

/** @param {number} bytes */
const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MB`;
