// The image of the query: dropped, pasted, chosen, or a product's.
import { Cropper } from "./cropper.js";
import { byId, toggle } from "./dom.js";
import { dropZone } from "./drop.js";
import { cutOut } from "./reduce.js";
import { setImage } from "./thumbs.js";

/** @typedef {import("./query.js").QueryImage} QueryImage */

const TYPES = ["image/jpeg", "image/png", "image/webp"];

/** The square beside the sentence. */
export class ImageSlot {
  /**
   * @param {{limits: () => {image_bytes: number}|null, onChange: () => void, onCrop: () => void,
   *   complain: (text: string) => void}} wiring
   */
  constructor(wiring) {
    this.wiring = wiring;
    /** @type {QueryImage|null} */
    this.image = null;
    this.preview = byId("preview");
    this.cropper = new Cropper((crop) => this.crop(crop));
    byId("crop").addEventListener("click", () => this.image && this.cropper.open(this.image));
    this.preview.addEventListener("load", () => this.showPart());
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

  /** Another part of the same image. @param {import("./crop-box.js").Crop|null} crop null: the whole */
  crop(crop) {
    if (!this.image) return;
    this.image = { ...this.image, crop };
    this.show();
    this.wiring.onCrop();
  }

  /** The part in place of the image, once that has come. */
  showPart() {
    const { image, preview } = this;
    if (!image?.crop || preview.src.startsWith("data:")) return;
    const part = cutOut(preview, preview.naturalWidth, preview.naturalHeight, image.crop, 512, 0.9);
    this.forget();
    image.part = part;
    preview.src = part;
  }

  forget() {
    if (this.preview.src.startsWith("blob:")) URL.revokeObjectURL(this.preview.src);
    this.preview.removeAttribute("srcset");
  }

  /** @param {QueryImage|null} image */
  set(image) {
    this.image = image;
    toggle(this.preview, image !== null);
    toggle(byId("slot-hint"), image === null);
    toggle(byId("clear"), image !== null);
    this.show();
    this.wiring.onChange();
  }

  show() {
    const { image, preview } = this;
    this.forget();
    const crop = byId("crop");
    toggle(crop, image !== null && !(image.kind === "product" && !image.url));
    crop.classList.toggle("set", Boolean(image?.crop));
    crop.textContent = image?.crop ? "Cropped" : "Crop";
    crop.setAttribute("aria-label", image?.crop ? "Cropped: choose another part of the image" : "Crop: choose a part of the image");
    const note = byId("picture-note");
    toggle(note, image?.kind === "product");
    if (image?.kind === "product") note.textContent = `Like “${image.title}”, but…`;
    const alt = image?.kind === "product" ? image.title : image ? "Query image" : "";
    preview.alt = image?.crop ? `Part of: ${alt}` : alt;
    if (!image) preview.removeAttribute("src");
    else if (image.kind !== "product") preview.src = URL.createObjectURL(image.file);
    else if (image.url) setImage(preview, image.url, image.crop ? 512 : 256);
    else preview.removeAttribute("src");
  }
}

/** @param {number} bytes */
const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MB`;
