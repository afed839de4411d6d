// The last events of a job with their ids, in a box that is filled only while it is open.
import { byId, el, setText } from "/static/dom.js";
import { followScroll } from "/static/follow-scroll.js";
import { timeOfDay } from "/static/format.js";

/** Mounts the log; the returned function shows the log of a job state. */
export function mountEventLog() {
  const panel = byId("log");
  const rows = byId("log-rows");
  const follow = followScroll(byId("log-scroll"), byId("log-latest"));
  let state = { log: [], logged: 0 };

  const fill = () => {
    setText(byId("log-count"), countOf(state));
    if (!panel.open) return;
    dropOld(rows, state.log[0]?.seq);
    const shown = Number(rows.lastElementChild?.dataset.seq ?? 0);
    rows.append(...state.log.filter((entry) => entry.seq > shown).map(row));
    follow();
  };
  panel.addEventListener("toggle", fill);

  return (next) => {
    if (next.logged < state.logged || next.log[0]?.seq > Number(rows.lastElementChild?.dataset.seq ?? 0)) rows.replaceChildren();
    state = { log: next.log, logged: next.logged };
    fill();
  };
}

function countOf({ log, logged }) {
  if (logged === 0) return "no events yet";
  return logged > log.length ? `last ${log.length} of ${logged}` : `${logged} ${logged === 1 ? "event" : "events"}`;
}

function dropOld(rows, oldest) {
  while (rows.firstElementChild && (oldest === undefined || Number(rows.firstElementChild.dataset.seq) < oldest)) {
    rows.firstElementChild.remove();
  }
}

function row(entry) {
  const line = el("tr", { class: `log-${entry.name}` },
    el("td", { class: "log-id", text: String(entry.seq) }),
    el("td", { class: "log-time", text: timeOfDay(entry.at) }),
    el("td", { class: "log-name", text: entry.name }),
    el("td", { class: "log-content", text: entry.summary }));
  line.dataset.seq = String(entry.seq);
  return line;
}
