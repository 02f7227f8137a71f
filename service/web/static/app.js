// The search page. Everything that comes from the service is written with textContent, never as HTML.

const $ = (id) => document.getElementById(id);
const form = $("search");
const fileInput = $("picture");
const preview = $("preview");
const drop = $("drop");
const notice = $("notice");

/** What the query's picture is now: an uploaded file, a product of the catalogue, or nothing. */
let picture = { file: null, productId: null };
let answer = null;
let running = null; // AbortController of the search in flight

function showPicture(source, next) {
  if (preview.src.startsWith("blob:")) URL.revokeObjectURL(preview.src);
  picture = next;
  preview.hidden = !source;
  $("drop-hint").hidden = Boolean(source);
  $("clear").hidden = !source;
  if (source) preview.src = source;
  else preview.removeAttribute("src");
}

function useFile(file) {
  if (!file) return;
  if (!["image/jpeg", "image/png", "image/webp"].includes(file.type)) {
    say("Please choose a JPEG, PNG or WEBP picture.", true);
    return;
  }
  showPicture(URL.createObjectURL(file), { file, productId: null });
}

function clearPicture() {
  fileInput.value = "";
  showPicture(null, { file: null, productId: null });
}

function say(text, problem = false) {
  notice.hidden = !text;
  notice.textContent = text;
  notice.classList.toggle("problem", problem);
}

function query() {
  const limit = Number($("limit").value);
  const body = { limit, rerank: { enabled: $("rerank").checked } };
  const text = $("text").value.trim();
  if (text) body.text = text;
  if (picture.productId) body.image = { product_id: picture.productId };
  return body;
}

function request(body, signal) {
  if (!picture.file) {
    const headers = { "Content-Type": "application/json" };
    return fetch("/v1/search", { method: "POST", headers, body: JSON.stringify(body), signal });
  }
  const parts = new FormData();
  parts.append("image", picture.file);
  parts.append("query", JSON.stringify(body));
  return fetch("/v1/search", { method: "POST", body: parts, signal });
}

/** The fixed text of a problem+json answer, with the fields it points at. */
async function problemText(response) {
  try {
    const problem = await response.json();
    const fields = (problem.errors ?? []).map((error) => `${error.pointer}: ${error.detail}`);
    return [problem.detail ?? problem.title, ...fields].join(" ");
  } catch {
    return `The service answered with status ${response.status}. Please try again.`;
  }
}

async function search() {
  const body = query();
  if (!body.text && !body.image && !picture.file) {
    say("Type a sentence, choose a picture, or both.", true);
    return;
  }
  running?.abort();
  const mine = (running = new AbortController());
  $("go").disabled = true;
  say("Searching…");
  try {
    const response = await request(body, mine.signal);
    if (!response.ok) {
      say(await problemText(response), true);
      return;
    }
    answer = await response.json();
    say("");
    showAnswer();
  } catch (error) {
    if (error.name !== "AbortError") say("The service cannot be reached. Is it running?", true);
  } finally {
    if (running === mine) $("go").disabled = false;
  }
}

function fact(term, text) {
  if (text === null || text === undefined || text === "") return;
  const dt = document.createElement("dt");
  const dd = document.createElement("dd");
  dt.textContent = term;
  dd.textContent = text;
  $("facts").append(dt, dd);
}

const degradedTexts = {
  rerank_timeout: "was not in time",
  rerank_error: "failed",
  rerank_overloaded: "was too busy",
  rerank_unusable: "gave no usable answer",
};

function orderText(rerank) {
  if (rerank.applied) return `reranked by ${rerank.engine} (${rerank.strategy}, ${rerank.prompt}, ${rerank.fault})`;
  if (rerank.degraded) return `as retrieved; the reranker ${degradedTexts[rerank.degraded] ?? rerank.degraded}`;
  return "as retrieved";
}

function showFacts() {
  const { query: understood, rerank, timings_ms: times } = answer;
  $("facts").replaceChildren();
  fact("Picture", understood.caption);
  fact("Order", orderText(rerank));
  fact("Why", rerank.reason);
  if (understood.truncated) fact("Note", "The sentence was too long; only its beginning was read.");
  const stages = Object.entries(times).map(([stage, ms]) => `${stage} ${Math.round(ms)} ms`);
  fact("Time", stages.join(" · "));
}

function moveText(result) {
  const moved = result.retrieval_rank - result.rank;
  if (moved === 0) return ["unchanged", ""];
  return moved > 0 ? [`↑ from ${result.retrieval_rank}`, "up"] : [`↓ from ${result.retrieval_rank}`, "down"];
}

function card(result) {
  const item = $("card").content.firstElementChild.cloneNode(true);
  const find = (name) => item.querySelector(name);
  const { product, scores } = result;
  const [text, direction] = moveText(result);
  item.classList.toggle("first", result.rank === 1);
  if (product.image_url) find("img").src = `${product.image_url}?size=512`;
  find("img").alt = product.title;
  find(".rank").textContent = `${result.rank}`;
  find(".move").textContent = answer.rerank.applied ? text : "";
  if (direction) find(".move").classList.add(direction);
  find(".title").textContent = product.title;
  const price = product.price === null ? null : product.price.toFixed(2);
  find(".meta").textContent = [product.category, price].filter(Boolean).join(" · ");
  const rerank = scores.rerank === null ? "" : ` · reranker ${scores.rerank.toFixed(2)}`;
  find(".scores").textContent = `similarity ${scores.retrieval.toFixed(2)}${rerank}`;
  find(".more").addEventListener("click", () => moreLike(product));
  return item;
}

function moreLike(product) {
  fileInput.value = "";
  showPicture(product.image_url && `${product.image_url}?size=256`, { file: null, productId: product.id });
  window.scrollTo({ top: 0 });
  $("text").focus();
}

function showResults() {
  const by = document.querySelector("input[name=order]:checked").value;
  const sorted = [...answer.results].sort((a, b) => a[by] - b[by]);
  $("results").replaceChildren(...sorted.map(card));
}

function showAnswer() {
  $("answer").hidden = false;
  $("order").hidden = !answer.rerank.applied;
  if (answer.results.length === 0) say("Nothing in the catalogue matches.");
  showFacts();
  showResults();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  search();
});
fileInput.addEventListener("change", () => useFile(fileInput.files[0]));
$("clear").addEventListener("click", clearPicture);
$("order").addEventListener("change", showResults);

for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  useFile(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => useFile(event.clipboardData.files[0]));
