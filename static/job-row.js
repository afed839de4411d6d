// One row of the list of jobs. Every row has the same height in every state, so that a change moves nothing else.
import { jobAddress } from "/static/address.js";
import { isTerminal } from "/static/client.js";
import { el, setText } from "/static/dom.js";
import { STATUS_WORDS, age, clock, moment } from "/static/format.js";
import { shortSubject, subject, typeName } from "/static/job-words.js";
import { serverNow } from "/static/server.js";

/** A row for a job: its `node`, `update(job)`, and `tick()` for what time alone changes. */
export function newJobRow(job) {
  const title = el("span", { class: "row-title", text: shortSubject(job) });
  const kind = el("span", { class: "row-kind", text: kindOf(job) });
  const status = el("span", { class: "status" });
  const state = el("span", { class: "row-step" });
  const percent = el("span", { class: "row-percent" });
  const when = el("time", { class: "row-age", datetime: job.created_at, title: moment(job.created_at) });
  const fill = el("span", { class: "bar-fill" });
  const link = el("a", { class: "row", href: jobAddress(job.id) },
    el("span", { class: "row-head" }, title, status),
    el("span", { class: "row-meta" }, kind, when),
    el("span", { class: "row-state" }, state, percent),
    el("span", { class: "bar thin", "aria-hidden": "true" }, fill));
  const tick = () => setText(when, age(Date.parse(job.created_at ?? ""), serverNow()));
  const update = (next) => {
    const progress = Number(next.progress) || 0;
    setText(status, STATUS_WORDS[next.status] ?? String(next.status));
    status.dataset.status = next.status;
    link.dataset.status = next.status;
    setText(state, stateOf(next));
    setText(percent, isTerminal(next.status) ? "" : `${progress} %`);
    fill.style.setProperty("--progress", String(progress / 100));
    tick();
  };
  return { node: el("li", {}, link), update, tick };
}

// A job without a subject has its type as the title already.
function kindOf(job) {
  const name = typeName(job.job_type);
  return shortSubject(job) === name ? subject(job) : name;
}

function stateOf(job) {
  if (job.status === "failed") return String(job.error_message ?? "");
  if (!isTerminal(job.status)) return String(job.current_step ?? "");
  const seconds = (Date.parse(job.completed_at ?? "") - Date.parse(job.started_at ?? "")) / 1000;
  if (Number.isNaN(seconds)) return "";
  return `${job.status === "completed" ? "Took" : "Stopped after"} ${clock(seconds)}`;
}
