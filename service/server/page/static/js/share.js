// A query to be given away.
import { h } from "./dom.js";
import { fullAddress } from "./permalink.js";

/**
 * Put the address into the clipboard, or show it where that is forbidden.
 * @param {import("./query.js").Query} query
 * @param {import("./notice.js").Notice} notice
 */
export async function copyLink(query, notice) {
  const link = await fullAddress(query);
  try {
    await navigator.clipboard.writeText(link);
    const image = query.image?.kind === "file" ? " It contains a reduced copy of your image." : "";
    notice.say(`The link was copied.${image}`, "hint");
  } catch {
    notice.say("Copy this link:", "hint", h("input", { type: "text", readonly: true, value: link, "aria-label": "Link to this query" }));
  }
}
