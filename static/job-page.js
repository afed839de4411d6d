// The page of one job: follows its stream and shows where it stands, what was written and what it came to.
import { cancelJob, fetchStatus, retryJob, serverNow } from "/static/api.js";
import { announce } from "/static/announce.js";
import { byId, el, setShown, setText, whileBusy } from "/static/dom.js";
import { mountEventLog } from "/static/event-log.js";
import { STATUS_WORDS, age, clock, moment, roughly } from "/static/format.js";
import { JobStream, isTerminal } from "/static/job-stream.js";
import { applyEvent, applyJob, applySync, isCaughtUp, newJobState, stepsOf } from "/static/job-state.js";
import { fieldName, shortSubject, subject, typeName } from "/static/job-words.js";
import { mountModelText } from "/static/model-text.js";
import { isAsking } from "/static/session.js";
import { failureView, loadResult, unreadableView } from "/static/result-view.js";

/** How often the estimate of a running job is asked for anew, in milliseconds. */
const ESTIMATE_PERIOD = 10_000;
/** The remaining time is shown in steps of so many seconds: it is an estimate, and must not look like a countdown. */
const ESTIMATE_STEP = 5;
/** These types ask no model. */
const WITHOUT_MODEL = new Set(["brand_extraction", "page_discovery"]);

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
  setInterval(() => { if (state.job?.status === "processing" && !document.hidden && !isAsking()) refreshStatus(); }, ESTIMATE_PERIOD);
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
  const before = state.job?.step;
  applyEvent(state, name, data, seq);
  if (isNew && (state.job?.step !== before || ["started", "retrying", "completed", "failed", "cancelled"].includes(name))) refreshStatus();
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

// Events carry no times or estimates; the status has them, and estimates anew each time it is asked.
async function refreshStatus() {
  const mine = jobId;
  if (mine === null) return;
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
  showText(state.text, isOver || WITHOUT_MODEL.has(job.job_type));
  showLog(state);
  renderOutcome(job, isOver);
  if (isCaughtUp(state)) tell(job);
}

function renderHead(job, isOver) {
  setText(byId("job-title"), job.job_type ? typeName(job.job_type) : "Job");
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
  return ["Remaining", seconds > 0 ? roughly(Math.ceil(seconds / ESTIMATE_STEP) * ESTIMATE_STEP) : "any moment"];
}

function renderFacts(job) {
  const facts = [
    ["Job", job.id, true],
    ["Brand", job.brand_id, true],
    ["Created", moment(job.created_at)],
    ["Started", moment(job.started_at)],
    ["Retries", `${Number(job.retry_count) || 0} of ${Number(job.max_retries) || 0}`],
    ["Last event", String(Math.max(state.lastSeq, Number(job.last_seq) || 0))],
    ...inputFacts(job),
  ];
  const list = byId("fact-list");
  const isSame = list.children.length === facts.length && facts.every(([name], index) => list.children[index].firstElementChild.textContent === name);
  if (!isSame) {
    list.replaceChildren(...facts.map(([name, , isMono]) => el("div", {}, el("dt", { text: name }), el("dd", { class: isMono ? "mono" : "" }))));
  }
  facts.forEach(([, value], index) => setText(list.children[index].lastElementChild, value ?? "–"));
}

function inputFacts(job) {
  const given = Object.entries(job.input_data ?? {}).filter(([, value]) => value !== null && value !== "");
  return given.map(([name, value]) => [fieldName(name), typeof value === "boolean" ? (value ? "Yes" : "No") : String(value)]);
}

// Built once per outcome; a retry takes it away again.
function renderOutcome(job, isOver) {
  const isKnown = isOver && (isCaughtUp(state) || connection === "closed");
  const outcome = isKnown ? `${job.status} ${job.last_seq}` : "";
  if (outcome === outcomeOf) return;
  outcomeOf = outcome;
  if (outcome === "") showOutcome([], "");
  else if (job.status === "completed") showResult(job);
  else showOutcome(failureView(job, state.failureCode), job.status);
}

function showOutcome(nodes, status) {
  byId("outcome").dataset.status = status;
  byId("outcome").replaceChildren(...nodes);
  setShown(byId("outcome"), nodes.length > 0);
}

async function showResult(job) {
  const [mine, wanted] = [jobId, outcomeOf];
  let nodes;
  try {
    nodes = await loadResult(job);
  } catch (error) {
    nodes = unreadableView(error.message, () => showResult(job));
  }
  if (mine === jobId && wanted === outcomeOf) showOutcome(nodes, job.status);
}

function tell(job) {
  if (connection === "connecting" || !state.job) return;
  if (job.status === "completed") announce(`${typeName(job.job_type)} completed. The result is shown.`);
  else if (job.status === "failed") announce(`${typeName(job.job_type)} failed. ${job.error_message ?? ""}`);
  else if (job.status === "cancelled") announce(`${typeName(job.job_type)} was cancelled.`);
  else if (state.waiting) announce(`Attempt ${state.attempt} failed. Another will follow.`);
  else {
    const step = stepsOf(state).find((each) => each.standing === "current");
    announce(step ? `Step ${step.number} of ${job.total_steps}: ${step.name}` : `${typeName(job.job_type)}: ${STATUS_WORDS[job.status] ?? job.status}`);
  }
}
