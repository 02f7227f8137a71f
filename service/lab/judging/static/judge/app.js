// One pair after the other. A grade counts only for a pair whose images are on the screen.
import { byId } from "/static/js/dom.js";
import { startTheme } from "/static/js/theme.js";
import { deleteGrade, getPair, getPool, putGrade } from "./api.js";
import { noteField, showDone, showGuidelines, showPair, showProblem, showProgress, showScale } from "./view.js";

/** @type {{progress: any, pair: any, grades: Set<string>, busy: boolean}} */
const state = { progress: null, pair: null, grades: new Set(), busy: false };

/** A note on its way: the click that leaves it may be the next grade, which must not be lost. */
let saving = Promise.resolve();

/** Notes on pairs that have no grade yet, by the number of the pair. @type {Map<number, string>} */
const drafts = new Map();

/** @param {boolean} busy */
function setBusy(busy) {
  state.busy = busy;
  byId("main").setAttribute("aria-busy", String(busy));
}

/** Do one thing at a time, and say what goes wrong. @param {() => Promise<void>} work */
async function alone(work) {
  if (state.busy) return;
  setBusy(true);
  try {
    await work();
    showProblem();
  } catch (error) {
    showProblem(error instanceof Error ? error.message : String(error));
  } finally {
    setBusy(false);
  }
}

/** @param {number|null} number null: nothing is left */
async function show(number) {
  state.pair = number === null ? null : await getPair(number);
  showProgress(state.progress, state.pair);
  if (!state.pair) return showDone();
  await showPair(state.pair);
  if (state.pair.grade === null) noteField().value = drafts.get(state.pair.number) ?? state.pair.note;
}

const grade = (/** @type {number} */ value) =>
  alone(async () => {
    if (!state.pair) return;
    const { number } = state.pair;
    await saving;
    state.progress = await putGrade(number, value, noteField().value);
    drafts.delete(number);
    await show(state.progress.next);
  });

/** A note is saved with its grade: on leaving it, if the pair has one; else when it gets one. */
const leaveNote = () => {
  const { pair } = state;
  if (!pair || pair.grade === null) return;
  saving = putGrade(pair.number, pair.grade, noteField().value)
    .then((progress) => { state.progress = progress; })
    .catch((error) => showProblem(error.message));
};

const undo = () =>
  alone(async () => {
    const { last } = state.progress;
    if (last === null) return;
    state.progress = await deleteGrade(last);
    await show(last);
  });

const step = (/** @type {1|-1} */ by) =>
  alone(async () => {
    const from = state.pair ? state.pair.number : state.progress.pairs;
    const to = Math.min(Math.max(from + by, 0), state.progress.pairs - 1);
    if (to !== from) await show(to);
  });

const next = () =>
  alone(async () => {
    state.progress = await getPool();
    await show(state.progress.next);
  });

const write = () => noteField().focus();

const KEYS = { ArrowLeft: () => step(-1), ArrowRight: () => step(1), u: undo, Backspace: undo, n: next, c: write };

document.addEventListener("keydown", (event) => {
  if (event.target === noteField()) {
    if (event.key === "Escape") noteField().blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || !state.progress) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const action = state.grades.has(key) ? () => grade(Number(key)) : KEYS[key];
  if (!action) return;
  event.preventDefault();
  action();
});

startTheme();
byId("undo").addEventListener("click", undo);
noteField().addEventListener("change", leaveNote);
noteField().addEventListener("input", () => state.pair && drafts.set(state.pair.number, noteField().value));
alone(async () => {
  const pool = (state.progress = await getPool());
  byId("name").textContent = pool.judge ? `${pool.name} (judge: ${pool.judge})` : pool.name;
  showGuidelines(pool.guidelines);
  byId("file").textContent = pool.file;
  state.grades = new Set(pool.scale.map((/** @type {any} */ point) => String(point.grade)));
  showScale(pool.scale, grade);
  await show(pool.next);
});
