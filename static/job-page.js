// The page of one job: follows its stream and shows where it stands, what was written and what it came to.
import { cancelJob, fetchResult, fetchStatus, retryJob, serverNow } from "/static/api.js";
import { announce } from "/static/announce.js";
import { byId, el, setShown, setText, whileBusy } from "/static/dom.js";
import { mountEventLog } from "/static/event-log.js";
import { STATUS_WORDS, age, clock, label, moment, roughly, shortSubject, subject } from "/static/format.js";
import { JobStream, isTerminal } from "/static/job-stream.js";
import { applyEvent, applyJob, applySync, isCaughtUp, newJobState, stepsOf } from "/static/job-state.js";
import { mountModelText } from "/static/model-text.js";
import { failureView, resultView, unreadableView } from "/static/result-view.js";

const CONNECTION_WORDS = { connecting: "Connecting", live: "Live", reconnecting: "Reconnecting", closed: "Stream ended", missing: "No such job" };
const STEP_WORDS = { done: "done", current: "running", waiting: "to come", failed: "failed", cancelled: "cancelled" };

let jobId = null;
let state = newJobState();
let stream = null;
let connection = "connecting";
let outcomeOf = "";
let showText = null;
let showLog = null;
let isScheduled = false;

/** Mounts the page's buttons, panels and clock. */
export function mountJobPage() {
  showText = mountModelText();
  showLog = mountEventLog();
  byId("job-cancel").addEventListener("click", () => whileBusy(byId("job-cancel"), "Cancelling…", () => act(cancelJob)));
  byId("job-retry").addEventListener("click", () => whileBusy(byId("job-retry"), "Queueing…", () => act(retryJob)));
  setInterval(() => { if (jobId !== null) renderTimes(); }, 1_000);
  document.addEventListener("visibilitychange", () => { if (jobId !== null && !document.hidden) catchUp(); });
}

/** Shows a job and follows it. */
export function showJobPage(id) {
  leaveJobPage();
  jobId = id;
  state = newJobState();
  outcomeOf = "";
  showOutcome([], "");
  setShown(byId("job-grid"), true);
  showProblem("");
  stream = new JobStream(id, {
    sync: (data, cleared) => { applySync(state, data, cleared); schedule(); },
    event: onEvent,
    job: (job) => { applyJob(state, job); schedule(); },
    problem: onProblem,
    connection: onConnection,
  });
  stream.open();
  render();
}

/** Stops following. */
export function leaveJobPage() {
  const left = stream;
  jobId = null;
  stream = null;
  left?.close();
}

function onEvent(name, data, seq) {
  const isNew = seq > state.knownSeq;
  applyEvent(state, name, data, seq);
  if (isNew && ["started", "retrying", "completed", "failed", "cancelled"].includes(name)) refreshStatus();
  schedule();
}

function onConnection(next) {
  connection = next;
  if (next === "missing") showMissing();
  if (next === "live") showProblem("");
  schedule();
}

// A short loss shows at the connection alone; it needs words when there is nothing else to see, or no way in.
function onProblem(error) {
  if (state.job === null || error.status === 401 || error.status === 403) showProblem(error.message);
}

// Events carry no times or estimates; the status has them.
async function refreshStatus() {
  const mine = jobId;
  try {
    const { job } = await fetchStatus(mine);
    if (mine !== jobId) return;
    applyJob(state, job);
    schedule();
  } catch {
    // The stream goes on telling what matters; the next start or end asks again.
  }
}

// A hidden tab may have slept through a drop, and a closed job may have been retried elsewhere.
async function catchUp() {
  if (connection !== "closed") {
    stream.verify();
    return;
  }
  await refreshStatus();
  if (stream === null || state.job === null) return;
  if (!isTerminal(state.job.status) || Number(state.job.last_seq) > state.lastSeq) stream.open();
}

async function act(call) {
  const mine = jobId;
  showProblem("");
  try {
    await call(mine);
    if (mine !== jobId) return;
    if (connection === "closed") await catchUp();
    else await refreshStatus();
  } catch (error) {
    if (mine === jobId) showProblem(error.message);
  }
}

function showMissing() {
  setShown(byId("job-grid"), false);
  setShown(byId("job-cancel"), false);
  setShown(byId("job-retry"), false);
  setText(byId("job-title"), "There is no such job");
  setText(byId("job-subject"), jobId ?? "");
  showProblem("The server does not know this job. The address may be mistyped, or the job belongs to another database.");
}

function showProblem(text) {
  setText(byId("job-problem"), text);
  setShown(byId("job-problem"), text !== "");
}

// Events can come in hundreds at once on a replay: one rendering per frame, or per quarter second in a hidden tab.
function schedule() {
  if (isScheduled) return;
  isScheduled = true;
  const run = () => {
    isScheduled = false;
    render();
  };
  if (document.hidden) setTimeout(run, 250);
  else requestAnimationFrame(run);
}

function render() {
  if (jobId === null || connection === "missing") return;
  const job = state.job ?? { id: jobId, status: "", progress: 0 };
  const isOver = isTerminal(job.status);
  renderHead(job, isOver);
  renderProgress(job);
  renderSteps();
  renderTimes();
  renderFacts(job);
  showText(state.text, isOver);
  showLog(state);
  renderOutcome(job, isOver);
  if (isCaughtUp(state)) tell(job);
}

function renderHead(job, isOver) {
  setText(byId("job-title"), job.job_type ? label(job.job_type) : "Job");
  setText(byId("job-subject"), subject(job));
  setShown(byId("job-cancel"), state.job !== null && !isOver, byId("job-title"));
  setShown(byId("job-retry"), job.status === "failed" || job.status === "cancelled", byId("job-title"));
  const isRunning = state.job !== null && !isOver;
  document.title = `${isRunning ? `${percentOf(job)} %` : (STATUS_WORDS[job.status] ?? "Job")} · ${shortSubject(job)} – jobcast`;
}

function renderProgress(job) {
  const percent = percentOf(job);
  setText(byId("job-percent"), String(percent));
  byId("job-bar").setAttribute("aria-valuenow", String(percent));
  byId("job-bar").setAttribute("aria-valuetext", [`${percent} %`, job.current_step].filter(Boolean).join(", "));
  byId("job-bar").dataset.status = job.status;
  byId("job-bar-fill").style.setProperty("--progress", String(percent / 100));
  setText(byId("job-status"), STATUS_WORDS[job.status] ?? "Loading");
  byId("job-status").dataset.status = job.status;
  setText(byId("job-connection"), CONNECTION_WORDS[connection]);
  byId("job-connection").dataset.connection = connection;
  setText(byId("job-step"), String(job.current_step ?? ""));
  const [detail, isWarning] = detailText(job);
  setText(byId("job-detail"), detail);
  byId("job-detail").classList.toggle("warning", isWarning);
  setShown(byId("job-detail"), !isTerminal(job.status));
}

function percentOf(job) {
  return Math.round(Math.min(100, Math.max(0, Number(job.progress) || 0)));
}

function detailText(job) {
  if (isTerminal(job.status)) return ["", false];
  if (state.waiting) {
    const seconds = (Date.parse(state.waiting.until ?? "") - serverNow()) / 1000;
    return [`Attempt ${state.attempt} failed: ${state.waiting.error}. Next attempt ${seconds > 1 ? `in ${roughly(seconds)}` : "shortly"}.`, true];
  }
  const detail = state.detail && typeof state.detail === "object" ? state.detail : {};
  const said = [detail.url, detail.message].find((text) => typeof text === "string") ?? "";
  return [String(job.current_step ?? "").includes(said) ? "" : said, false];
}

function renderSteps() {
  const list = byId("step-list");
  const steps = stepsOf(state);
  while (list.children.length > steps.length) list.lastElementChild.remove();
  while (list.children.length < steps.length) {
    list.append(el("li", { class: "step" }, el("span", { class: "step-mark", "aria-hidden": "true" }), el("span", { class: "step-name" }), el("span", { class: "step-latest" }), el("span", { class: "visually-hidden" })));
  }
  steps.forEach((step, index) => {
    const item = list.children[index];
    item.dataset.standing = step.standing;
    if (step.standing === "current") item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
    setText(item.children[1], step.name);
    setText(item.children[2], step.latest === step.name ? "" : step.latest);
    setText(item.children[3], `(${STEP_WORDS[step.standing]})`);
  });
}

function renderTimes() {
  const job = state.job;
  if (!job) return;
  const started = Date.parse(job.started_at ?? "");
  const ended = Date.parse(job.completed_at ?? "");
  const until = isTerminal(job.status) && !Number.isNaN(ended) ? ended : serverNow();
  setText(byId("job-elapsed"), Number.isNaN(started) ? "–" : clock((until - started) / 1000));
  const [name, value] = remaining(job, ended);
  setText(byId("job-remaining-label"), name);
  setText(byId("job-remaining"), value);
  const most = Number(job.max_retries);
  const attempt = state.attempt || (Number.isNaN(started) ? 0 : (Number(job.retry_count) || 0) + 1);
  setText(byId("job-attempt"), attempt > 0 ? String(attempt) : "–");
  byId("job-attempt").title = Number.isFinite(most) ? `A failed attempt is repeated up to ${most} times` : "";
  if (state.waiting) setText(byId("job-detail"), detailText(job)[0]);
}

function remaining(job, ended) {
  if (isTerminal(job.status)) return ["Ended", Number.isNaN(ended) ? "–" : age(ended, serverNow())];
  const seconds = (Date.parse(job.estimated_completion ?? "") - serverNow()) / 1000;
  if (Number.isNaN(seconds)) return ["Remaining", "–"];
  return ["Remaining", seconds > 0 ? roughly(seconds) : "any moment"];
}

function renderFacts(job) {
  const facts = [
    ["Job", job.id, true],
    ["Brand", job.brand_id, true],
    ["Created", moment(job.created_at)],
    ["Started", moment(job.started_at)],
    ["Retries", `${Number(job.retry_count) || 0} of ${Number(job.max_retries) || 0}`],
    ["Last event", String(Math.max(state.lastSeq, Number(job.last_seq) || 0))],
  ];
  const list = byId("fact-list");
  if (list.children.length === 0) {
    list.append(...facts.map(([name, , isMono]) => el("div", {}, el("dt", { text: name }), el("dd", { class: isMono ? "mono" : "" }))));
  }
  facts.forEach(([, value], index) => setText(list.children[index].lastElementChild, value ?? "–"));
}

// Built once per outcome; a retry takes it away again.
function renderOutcome(job, isOver) {
  const isKnown = isOver && (isCaughtUp(state) || connection === "closed");
  const outcome = isKnown ? `${job.status} ${job.last_seq}` : "";
  if (outcome === outcomeOf) return;
  outcomeOf = outcome;
  if (outcome === "") showOutcome([], "");
  else if (job.status === "completed") loadResult(job);
  else showOutcome(failureView(job, state.failureCode), job.status);
}

function showOutcome(nodes, status) {
  byId("outcome").dataset.status = status;
  byId("outcome").replaceChildren(...nodes);
  setShown(byId("outcome"), nodes.length > 0);
}

async function loadResult(job) {
  const mine = jobId;
  let nodes;
  try {
    nodes = resultView(job.job_type, await fetchResult(mine));
  } catch (error) {
    nodes = unreadableView(error.message, () => loadResult(job));
  }
  if (mine === jobId) showOutcome(nodes, job.status);
}

function tell(job) {
  if (connection === "connecting" || !state.job) return;
  if (job.status === "completed") announce(`${label(job.job_type)} completed. The result is shown.`);
  else if (job.status === "failed") announce(`${label(job.job_type)} failed. ${job.error_message ?? ""}`);
  else if (job.status === "cancelled") announce(`${label(job.job_type)} was cancelled.`);
  else if (state.waiting) announce(`Attempt ${state.attempt} failed. Another will follow.`);
  else {
    const step = stepsOf(state).find((each) => each.standing === "current");
    announce(step ? `Step ${step.number} of ${job.total_steps}: ${step.name}` : `${label(job.job_type)}: ${STATUS_WORDS[job.status] ?? job.status}`);
  }
}
