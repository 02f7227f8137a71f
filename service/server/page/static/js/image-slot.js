// The image of the query: dropped, pasted, chosen, or a product's.
import { byId, toggle } from "./dom.js";
import { dropZone } from "./drop.js";
import { setImage } from "./thumbs.js";

/** @typedef {import("./query.js").QueryImage} QueryImage */

const TYPES = ["image/jpeg", "image/png", "image/webp"];

/** The square beside the sentence. */
export class ImageSlot {
  /**
   * @param {{limits: () => {image_bytes: number}|null, onChange: () => void, complain: (text: string) => void}} wiring
   */
  constructor(wiring) {
    this.wiring = wiring;
    /** @type {QueryImage|null} */
    this.image = null;
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
    if (!TYPES.includes(file.type)) this.wiring.complain("Only JPEG, PNG and WebP images can be used.");
    else if (file.size > most) this.wiring.complain(`The image is too large: ${mib(file.size)}, the limit is ${mib(most)}. Reduce it and try again.`);
    else this.set({ kind: "file", file });
  }

  /** @param {QueryImage|null} image */
  set(image) {
    if (this.preview.src.startsWith("blob:")) URL.revokeObjectURL(this.preview.src);
    this.image = image;
    toggle(this.preview, image !== null);
    toggle(byId("slot-hint"), image === null);
    toggle(byId("clear"), image !== null);
    this.show();
    this.wiring.onChange();
  }

  show() {
    const { image, preview } = this;
    const note = byId("picture-note");
    toggle(note, image?.kind === "product");
    if (image?.kind === "product") note.textContent = `Like “${image.title}”, but…`;
    preview.alt = image?.kind === "product" ? image.title : image ? "Query image" : "";
    if (!image) preview.removeAttribute("src");
    else if (image.kind !== "product") preview.src = URL.createObjectURL(image.file);
    else if (image.url) setImage(preview, image.url, 256);
    else preview.removeAttribute("src");
  }
}

/** @param {number} bytes */
const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MB`;
