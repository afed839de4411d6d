// Shows attempts and their steps. Rows have a fixed height and the box scrolls inside, so that nothing else moves.
import { byId, el, setText } from "/static/dom.js";
import { clock } from "/static/format.js";

const STEP_WORDS = { done: "done", current: "running", waiting: "to come", failed: "failed", cancelled: "cancelled" };
const OUTCOME_WORDS = { failed: "failed", completed: "completed", cancelled: "cancelled" };

const NEW = { attempt: newAttempt, step: newStep, error: newError };

/** Mounts the timeline; the returned function shows rows as `Timeline.rows` gives them, at this time of the server. */
export function mountTimeline() {
  const list = byId("step-list");
  const box = byId("timeline-scroll");
  const nodes = new Map();
  let lastKey = "";
  // What is above fades out there.
  box.addEventListener("scroll", () => box.toggleAttribute("data-scrolled", box.scrollTop > 0), { passive: true });

  return (rows, now) => {
    for (const [key, { node }] of nodes) {
      if (rows.some((row) => row.key === key)) continue;
      node.remove();
      nodes.delete(key);
    }
    rows.forEach((row, index) => {
      if (!nodes.has(row.key)) nodes.set(row.key, NEW[row.kind]());
      const { node, update } = nodes.get(row.key);
      update(row, now);
      if (list.children[index] !== node) list.insertBefore(node, list.children[index] ?? null);
    });
    const { key = "" } = rows.findLast((row) => row.kind === "attempt") ?? {};
    // A new attempt is what one wants to see; within one nothing scrolls by itself.
    if (key !== lastKey) box.scrollTop = box.scrollHeight;
    lastKey = key;
  };
}

function newAttempt() {
  const [name, words] = [el("h3", { class: "attempt-name" }), el("span", { class: "attempt-words" })];
  const node = el("li", { class: "attempt" }, name, words);
  const update = (row, now) => {
    node.dataset.outcome = row.outcome ?? "running";
    setText(name, row.number > 0 ? `Attempt ${row.number}` : "In the queue");
    setText(words, wordsOf(row, now));
  };
  return { node, update };
}

function newError() {
  const node = el("li", { class: "attempt-error" });
  return { node, update: ({ error }) => setText(node, error) };
}

function wordsOf({ outcome, startedAt, endedAt, isByPerson }, now) {
  const took = seconds(startedAt, outcome === null ? now : endedAt);
  const word = OUTCOME_WORDS[outcome] ?? "";
  return [word, word !== "" && took !== "" ? "after" : "", took, isByPerson ? "· put back by hand" : ""].filter(Boolean).join(" ");
}

function newStep() {
  const [mark, name, time] = [el("span", { class: "step-mark", "aria-hidden": "true" }), el("span", { class: "step-name" }), el("span", { class: "step-time" })];
  const [latest, standing] = [el("span", { class: "step-latest" }), el("span", { class: "visually-hidden" })];
  const node = el("li", { class: "step" }, mark, name, time, latest, standing);
  const update = (row, now) => {
    node.dataset.standing = row.standing;
    if (row.standing === "current") node.setAttribute("aria-current", "step");
    else node.removeAttribute("aria-current");
    setText(name, row.name);
    setText(time, seconds(row.startedAt, row.standing === "current" ? now : row.endedAt));
    setText(latest, row.keptFrom !== null ? `Kept from attempt ${row.keptFrom}` : row.latest === row.name ? "" : row.latest);
    setText(standing, ` (${STEP_WORDS[row.standing]})`);
  };
  return { node, update };
}

function seconds(from, to) {
  return Number.isNaN(from) || Number.isNaN(to) ? "" : clock((to - from) / 1000);
}
