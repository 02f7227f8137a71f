// Images of the catalog as thumbnails. An <img> sends no key, so where there is one they are fetched.
import { keyHeader } from "./api.js";
import { apiKey } from "./key.js";

/** The sizes that the service offers, in pixels. */
const SIZES = [128, 256, 512];

const near = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      fetchImage(/** @type {HTMLImageElement} */ (target));
    }
  },
  { rootMargin: "300px" },
);

/**
 * Show an image of the catalog.
 * @param {HTMLImageElement} img
 * @param {string} url image_url of a product
 * @param {number} width about how wide it is shown, CSS pixels
 */
export function setImage(img, url, width) {
  if (!apiKey()) {
    img.sizes = `${width}px`;
    img.srcset = SIZES.map((size) => `${url}?size=${size} ${size}w`).join(", ");
    img.src = `${url}?size=256`;
    return;
  }
  const wanted = width * Math.min(2, devicePixelRatio);
  img.dataset.url = `${url}?size=${SIZES.find((size) => size >= wanted) ?? SIZES.at(-1)}`;
  near.observe(img);
}

/** @param {HTMLImageElement} img */
async function fetchImage(img) {
  const response = await fetch(img.dataset.url ?? "", { headers: keyHeader() }).catch(() => null);
  if (!response?.ok) return;
  const url = URL.createObjectURL(await response.blob());
  img.addEventListener("load", () => URL.revokeObjectURL(url), { once: true });
  img.src = url;
}
