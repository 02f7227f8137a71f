// Server-sent events of a POST, which EventSource cannot send.

/**
 * @param {ReadableStream<Uint8Array>} body
 * @yields {{event: string, data: any}} one event; its data was JSON
 */
export async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (pending + value).split("\n\n");
    pending = blocks.pop() ?? "";
    for (const block of blocks) {
      const found = parse(block);
      if (found) yield found;
    }
  }
}

/** @param {string} block lines up to an empty one; comments begin with a colon */
function parse(block) {
  const fields = new Map();
  for (const line of block.split("\n")) {
    const [, name, value] = /^([a-z]+): ?(.*)$/.exec(line) ?? [];
    if (name) fields.set(name, value);
  }
  return fields.has("data") ? { event: fields.get("event") ?? "message", data: JSON.parse(fields.get("data")) } : null;
}
