// The page of one job: follows it and shows where it stands, what was written and what it came to.
import { announce } from "/static/announce.js";
import { commandList } from "/static/copying.js";
import { jobCommands } from "/static/curl.js";
import { byId, setShown, setText, whileBusy } from "/static/dom.js";
import { mountEventLog } from "/static/event-log.js";
import { FollowedJob, isOver } from "/static/followed-job.js";
import { STATUS_WORDS } from "/static/format.js";
import { mountFrameLog } from "/static/frame-log.js";
import { showDetails } from "/static/job-details.js";
import { percentOf, showProgress, showTimes } from "/static/job-progress.js";
import { shortSubject, subject, typeName } from "/static/job-words.js";
import { mountModelText } from "/static/model-text.js";
import { failureView, loadResult, unreadableView } from "/static/result-view.js";
import { serverNow } from "/static/server.js";
import { currentToken, isAsking } from "/static/session.js";
import { mountTimeline } from "/static/timeline-view.js";
import { Tabs } from "/static/tabs.js";

/** How often the estimate of a running job, or the webhook of one that is over, is asked for anew, in milliseconds. */
const REFRESH_PERIOD = 10_000;
/** These types ask no model. */
const WITHOUT_MODEL = new Set(["brand_extraction", "page_discovery"]);

let followed = null;
let tabs = null;
/** Whether the person chose a tab: the page does not choose another then. */
let isChosen = false;
let outcomeOf = "";
let commandsOf = "";
let [showText, showLog, showFrames, showTimeline] = [];
let isScheduled = false;

/** Mounts the page's buttons, panels and clock. */
export function mountJobPage() {
  [showText, showLog, showFrames, showTimeline] = [mountModelText(), mountEventLog(), mountFrameLog(), mountTimeline()];
  tabs = new Tabs(byId("job-tabs"), onTab);
  byId("job-cancel").addEventListener("click", () => whileBusy(byId("job-cancel"), "Cancelling…", () => followed.act("cancel")));
  byId("job-retry").addEventListener("click", () => whileBusy(byId("job-retry"), "Queueing…", () => {
    isChosen = false;
    return followed.act("retry");
  }));
  setInterval(tick, 1_000);
  setInterval(() => { if (followed !== null && mayHaveNews() && !document.hidden && !isAsking()) followed.refresh(); }, REFRESH_PERIOD);
  document.addEventListener("visibilitychange", () => { if (followed !== null && !document.hidden) followed.comeBack(); });
}

/** Shows a job and follows it. */
export function showJobPage(id) {
  leaveJobPage();
  followed = new FollowedJob(id, schedule);
  [outcomeOf, commandsOf, isChosen] = ["", "", false];
  showOutcome([], "");
  setShown(byId("job-body"), true);
  tabs.offer("model", true, "events");
  tabs.show("model");
  followed.follow();
  render();
}

/** Stops following. */
export function leaveJobPage() {
  followed?.leave();
  followed = null;
}

function onTab(name, byPerson) {
  if (byPerson) isChosen = true;
  tabs.mark(name, false);
  if (followed !== null) renderPanels(jobOf(followed));
}

// Events carry no times, estimates or webhooks; the status has them.
function mayHaveNews() {
  const { job } = followed;
  return job?.status === "processing" || (job !== null && isOver(job) && job.webhook?.status === "pending");
}

function tick() {
  if (followed?.job == null || followed.isMissing) return;
  showTimes(followed, followed.job);
  showTimeline(followed.timeline.rows(followed.job), serverNow());
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

function jobOf({ id, job }) {
  return job ?? { id, status: "", progress: 0 };
}

function render() {
  if (followed === null) return;
  showProblem(followed.problem);
  if (followed.isMissing) return showMissing();
  const job = jobOf(followed);
  renderHead(job);
  showProgress(followed, job);
  showTimeline(followed.timeline.rows(job), serverNow());
  if (followed.job !== null) showDetails(job, followed.state.lastSeq);
  renderOutcome(job);
  renderPanels(job);
  if (followed.isCaughtUp) tell(job);
}

function showMissing() {
  setShown(byId("job-body"), false);
  setShown(byId("job-cancel"), false);
  setShown(byId("job-retry"), false);
  setText(byId("job-title"), "There is no such job");
  setText(byId("job-subject"), followed.id);
  showProblem("The server does not know this job. The address may be mistyped, or the job belongs to another database.");
  document.title = "No such job – jobcast";
}

function showProblem(text) {
  setText(byId("job-problem"), text);
  setShown(byId("job-problem"), text !== "");
}

function renderHead(job) {
  const isKnown = followed.job !== null;
  setText(byId("job-title"), isKnown ? typeName(job.job_type) : "Job");
  setText(byId("job-subject"), isKnown ? subject(job) : "");
  byId("panels").toggleAttribute("data-loading", !isKnown);
  setShown(byId("job-cancel"), isKnown && !isOver(job), byId("job-title"));
  setShown(byId("job-retry"), job.status === "failed" || job.status === "cancelled", byId("job-title"));
  const isRunning = isKnown && !isOver(job);
  document.title = `${isRunning ? `${percentOf(job)} %` : (STATUS_WORDS[job.status] ?? "Job")} · ${shortSubject(job)} – jobcast`;
}

// ---- Panels ----

function renderPanels(job) {
  const { state } = followed;
  const isQuiet = WITHOUT_MODEL.has(job.job_type);
  tabs.offer("model", !isQuiet, "events");
  showText(state.text, isOver(job));
  showLog(state.events, tabs.current === "events");
  showFrames(followed.frames, tabs.current === "frames");
  if (followed.job !== null && tabs.current === "requests") renderCommands(job);
}

function renderCommands(job) {
  const wanted = `${job.id} ${currentToken() !== null}`;
  if (wanted === commandsOf) return;
  commandsOf = wanted;
  byId("command-list").replaceChildren(...commandList(jobCommands(job)));
}

// Built once per outcome; a retry takes it away again.
function renderOutcome(job) {
  const isKnown = isOver(job) && (followed.isCaughtUp || followed.connection.state === "closed");
  const outcome = isKnown ? `${job.status} ${job.last_seq}` : "";
  if (outcome === outcomeOf) return;
  outcomeOf = outcome;
  if (outcome === "") showOutcome([], "");
  else if (job.status === "completed") showResult(job);
  else showOutcome(failureView(job, followed.failureCode), job.status);
}

async function showResult(job) {
  const [mine, wanted] = [followed, outcomeOf];
  let nodes;
  try {
    nodes = await loadResult(job);
  } catch (error) {
    nodes = unreadableView(error.message, () => showResult(job));
  }
  if (mine === followed && wanted === outcomeOf) showOutcome(nodes, job.status);
}

function showOutcome(nodes, status) {
  byId("outcome").dataset.status = status;
  byId("outcome").replaceChildren(...nodes);
  setShown(byId("outcome"), nodes.length > 0);
  setShown(byId("outcome-awaited"), nodes.length === 0);
  if (tabs === null) return;
  if (nodes.length === 0) {
    tabs.mark("outcome", false);
    if (!isChosen && tabs.current === "outcome") tabs.show(followed !== null && WITHOUT_MODEL.has(followed.job?.job_type) ? "events" : "model");
  } else if (!isChosen) tabs.show("outcome");
  else tabs.mark("outcome", tabs.current !== "outcome");
}

function tell(job) {
  if (followed.job === null || followed.connection.state === "connecting") return;
  if (job.status === "completed") announce(`${typeName(job.job_type)} completed. The result is there.`);
  else if (job.status === "failed") announce(`${typeName(job.job_type)} failed. ${job.error_message ?? ""}`);
  else if (job.status === "cancelled") announce(`${typeName(job.job_type)} was cancelled.`);
  else if (followed.state.waiting !== null) announce("The attempt failed. Another will follow.");
  else {
    const step = followed.timeline.rows(job).find((row) => row.standing === "current");
    announce(step !== undefined ? `Step ${step.number} of ${job.total_steps}: ${step.name}` : `${typeName(job.job_type)}: ${STATUS_WORDS[job.status] ?? job.status}`);
  }
}
