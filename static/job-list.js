// The list of a brand's jobs, newest first; the running ones are followed live, four at most.
import { listJobs, serverNow } from "/static/api.js";
import { brandId } from "/static/brand.js";
import { byId, el, setShown, setText, whileBusy } from "/static/dom.js";
import { STATUS_WORDS, age, moment } from "/static/format.js";
import { mergeEvent } from "/static/job-state.js";
import { JobStream, isTerminal } from "/static/job-stream.js";
import { shortSubject, subject, typeName } from "/static/job-words.js";

/** Browsers allow six connections to a host over HTTP/1.1; two stay free for requests. */
const FOLLOWED = 4;
/** How often ages are written anew, in milliseconds. */
const AGE_PERIOD = 10_000;

const jobs = new Map();
const rows = new Map();
const streams = new Map();
let nextCursor = null;
let shown = false;
let generation = 0;

/** Mounts the list's buttons and clocks; nothing is loaded before `showJobList`. */
export function mountJobList() {
  byId("jobs-refresh").addEventListener("click", () => whileBusy(byId("jobs-refresh"), "Refreshing…", refresh));
  byId("jobs-more").addEventListener("click", () => whileBusy(byId("jobs-more"), "Loading…", loadMore));
  setInterval(() => { if (shown) for (const row of rows.values()) row.tick(); }, AGE_PERIOD);
  document.addEventListener("visibilitychange", () => { if (shown) document.hidden ? unfollow() : refresh(); });
}

/** Loads the list and follows it. */
export function showJobList() {
  shown = true;
  return refresh();
}

/** Stops following; the connections are free for the job page. */
export function hideJobList() {
  shown = false;
  unfollow();
}

/** Forgets the jobs of the brand that was left. */
export function resetJobList() {
  unfollow();
  jobs.clear();
  nextCursor = null;
  render();
}

async function refresh() {
  const mine = ++generation;
  try {
    const answer = await listJobs(brandId());
    if (mine !== generation) return;
    takeFirstPage(answer);
    setShown(byId("jobs-error"), false);
  } catch (error) {
    if (mine !== generation) return;
    showProblem(error);
  }
  render();
  follow();
}

async function loadMore() {
  const mine = ++generation;
  try {
    const answer = await listJobs(brandId(), { cursor: nextCursor });
    if (mine !== generation) return;
    for (const job of listed(answer)) jobs.set(job.id, job);
    nextCursor = answer.next_cursor ?? null;
    setShown(byId("jobs-error"), false);
  } catch (error) {
    if (mine !== generation) return;
    showProblem(error);
  }
  render();
  follow();
}

// Older pages stay where they are; the first page replaces what it covers.
function takeFirstPage(answer) {
  const page = listed(answer);
  const hadMore = [...jobs.values()].some((job) => page.length > 0 && created(job) < created(page.at(-1)));
  const older = hadMore && answer.next_cursor ? [...jobs.values()].filter((job) => created(job) < created(page.at(-1))) : [];
  jobs.clear();
  for (const job of [...page, ...older]) jobs.set(job.id, job);
  if (older.length === 0) nextCursor = answer.next_cursor ?? null;
}

function listed(answer) {
  return (Array.isArray(answer.jobs) ? answer.jobs : []).filter((job) => job && typeof job.id === "string");
}

function created(job) {
  return Date.parse(job.created_at ?? "") || 0;
}

function showProblem(error) {
  setText(byId("jobs-error"), error.message);
  setShown(byId("jobs-error"), true);
}

function render() {
  const ordered = [...jobs.values()];
  for (const id of [...rows.keys()]) if (!jobs.has(id)) rows.delete(id);
  const nodes = ordered.map((job) => {
    if (!rows.has(job.id)) rows.set(job.id, newRow(job));
    rows.get(job.id).update(job);
    return rows.get(job.id).node;
  });
  const list = byId("job-list");
  const isSame = list.children.length === nodes.length && nodes.every((node, index) => list.children[index] === node);
  if (!isSame) list.replaceChildren(...nodes);
  setShown(byId("jobs-empty"), nodes.length === 0 && byId("jobs-error").hidden);
  setShown(byId("jobs-more"), nextCursor !== null);
}

function newRow(job) {
  const title = el("span", { class: "row-title", text: shortSubject(job) });
  const kind = el("span", { class: "row-kind", text: kindOf(job) });
  const status = el("span", { class: "status" });
  const step = el("span", { class: "row-step" });
  const percent = el("span", { class: "row-percent" });
  const when = el("time", { class: "row-age", datetime: job.created_at, title: moment(job.created_at) });
  const fill = el("span", { class: "bar-fill" });
  const link = el("a", { class: "row", href: `#/jobs/${encodeURIComponent(job.id)}` },
    el("span", { class: "row-head" }, title, status),
    el("span", { class: "row-meta" }, kind, when),
    el("span", { class: "row-state" }, step, percent),
    el("span", { class: "bar thin", "aria-hidden": "true" }, fill));
  const tick = () => setText(when, age(Date.parse(job.created_at ?? ""), serverNow()));
  const update = (next) => {
    setText(status, STATUS_WORDS[next.status] ?? String(next.status));
    status.dataset.status = next.status;
    link.dataset.status = next.status;
    setText(step, next.status === "failed" && next.error_message ? String(next.error_message) : String(next.current_step ?? ""));
    setText(percent, `${Number(next.progress) || 0} %`);
    fill.style.setProperty("--progress", String((Number(next.progress) || 0) / 100));
    tick();
  };
  return { node: el("li", {}, link), update, tick };
}

// A job without a subject has its type as the title already.
function kindOf(job) {
  const name = typeName(job.job_type);
  return shortSubject(job) === name ? subject(job) : name;
}

// The jobs that are being worked on come before those that wait.
function follow() {
  if (!shown || document.hidden) return;
  const running = [...jobs.values()].filter((job) => !isTerminal(job.status))
    .sort((one, other) => Number(other.status === "processing") - Number(one.status === "processing"));
  for (const [id, stream] of [...streams]) {
    if (!running.some((job) => job.id === id)) {
      streams.delete(id);
      stream.close();
    }
  }
  for (const job of running) {
    if (streams.size >= FOLLOWED) break;
    if (!streams.has(job.id)) followOne(job.id);
  }
  const rest = running.length - streams.size;
  setText(byId("jobs-followed"), rest > 0 ? `${streams.size} of ${running.length} running jobs are followed live; the next takes its turn when one ends.` : "");
  setShown(byId("jobs-followed"), rest > 0);
}

function followOne(jobId) {
  const change = (apply) => {
    const job = jobs.get(jobId);
    if (!job) return;
    apply(job);
    rows.get(jobId)?.update(job);
  };
  const stream = new JobStream(jobId, {
    cursor: "tail",
    sync: (data) => change((job) => Object.assign(job, data.job)),
    job: (current) => change((job) => Object.assign(job, current)),
    event: (name, data, seq) => change((job) => mergeEvent(job, name, data, seq)),
    connection: (state) => { if ((state === "closed" || state === "missing") && streams.delete(jobId)) refresh(); },
  });
  streams.set(jobId, stream);
  stream.open();
}

function unfollow() {
  const open = [...streams.values()];
  streams.clear();
  for (const stream of open) stream.close();
}
