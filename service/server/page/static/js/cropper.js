// "Which thing in this image?": a region of the query image, by pointer or by keys.
import { WHOLE, between, isWhole, moved, resized, rounded } from "./crop-box.js";
import { byId } from "./dom.js";
import { setImage } from "./thumbs.js";

/** @typedef {import("./crop-box.js").Crop} Crop */
/** @typedef {import("./query.js").QueryImage} QueryImage */

const STEP = 0.02;
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
/** Where a first region is: the middle, which is where things are. */
const MIDDLE = { x: 0.2, y: 0.2, width: 0.6, height: 0.6 };

/** The dialog. */
export class Cropper {
  /** @param {(crop: Crop|null) => void} choose null: the whole image */
  constructor(choose) {
    this.dialog = byId("crop-dialog");
    this.stage = byId("crop-stage");
    this.box = byId("crop-box");
    this.img = byId("crop-image");
    /** @type {Crop} */
    this.crop = WHOLE;
    /** @type {((event: PointerEvent) => void)|null} */
    this.dragged = null;
    byId("crop-form").addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      this.dialog.close("use");
    });
    byId("crop-reset").addEventListener("click", () => this.show(WHOLE));
    byId("crop-cancel").addEventListener("click", () => this.dialog.close(""));
    this.dialog.addEventListener("close", () => {
      if (this.img.src.startsWith("blob:")) URL.revokeObjectURL(this.img.src);
      this.img.removeAttribute("srcset");
      this.img.removeAttribute("src");
      if (this.dialog.returnValue === "use") choose(isWhole(this.crop) ? null : rounded(this.crop));
    });
    this.box.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.press(event));
    this.stage.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => this.grab(event));
    this.stage.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => this.dragged?.(event));
    for (const end of ["pointerup", "pointercancel"]) this.stage.addEventListener(end, () => (this.dragged = null));
  }

  /** @param {QueryImage} image */
  open(image) {
    if (image.kind !== "product") this.img.src = URL.createObjectURL(image.file);
    else if (image.url) setImage(this.img, image.url, 512);
    this.dialog.returnValue = "";
    this.dialog.showModal();
    this.show(image.crop ?? MIDDLE);
    this.box.focus();
  }

  /** @param {Crop} crop */
  show(crop) {
    this.crop = crop;
    const percent = (/** @type {number} */ share) => `${Math.round(share * 100)} %`;
    const { style } = this.box;
    style.left = `${crop.x * 100}%`;
    style.top = `${crop.y * 100}%`;
    style.width = `${crop.width * 100}%`;
    style.height = `${crop.height * 100}%`;
    byId("crop-status").textContent = isWhole(crop)
      ? "The whole image."
      : `${percent(crop.width)} wide and ${percent(crop.height)} high, ${percent(crop.x)} from the left and ${percent(crop.y)} from the top.`;
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    if (event.key === "Enter") {
      event.preventDefault();
      this.dialog.close("use");
    }
    const way = KEYS[event.key];
    if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const change = event.shiftKey ? resized : moved;
    this.show(change(this.crop, way[0] * STEP, way[1] * STEP));
  }

  /** A corner resizes, the inside moves, and outside a new region begins. @param {PointerEvent} event */
  grab(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.box.focus();
    this.stage.setPointerCapture(event.pointerId);
    const target = /** @type {HTMLElement} */ (event.target);
    const [start, crop] = [this.point(event), this.crop];
    const right = crop.x + crop.width;
    const bottom = crop.y + crop.height;
    const { corner } = target.dataset;
    const fixed = corner ? { x: corner.includes("w") ? right : crop.x, y: corner.includes("n") ? bottom : crop.y } : start;
    const moves = target === this.box && !isWhole(crop);
    this.dragged = (to) => {
      const at = this.point(to);
      this.show(moves ? moved(crop, at.x - start.x, at.y - start.y) : between(fixed, at));
    };
  }

  /** @param {PointerEvent} event @returns {{x: number, y: number}} in shares of the image */
  point({ clientX, clientY }) {
    const { left, top, width, height } = this.stage.getBoundingClientRect();
    return { x: Math.min(Math.max((clientX - left) / width, 0), 1), y: Math.min(Math.max((clientY - top) / height, 0), 1) };
  }
}
