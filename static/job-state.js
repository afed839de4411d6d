// What a job page knows, built from `sync` and the events alone. No DOM, no network.

const LOG_LIMIT = 200;
/** Characters of model text kept; the beginning goes first. */
const TEXT_LIMIT = 400_000;

const SHARED = ["status", "progress", "current_step", "step", "total_steps"];
const OF_EVENT = { completed: ["result_id"], failed: ["error_message"] };

export function newJobState() {
  return { job: null, knownSeq: 0, lastSeq: 0, ...emptyHistory() };
}

/** Takes the full state a connection begins with; `cleared` says that the replay starts from the beginning. */
export function applySync(state, data, cleared) {
  if (cleared) Object.assign(state, { lastSeq: 0, ...emptyHistory() });
  state.knownSeq = Number(data.last_seq ?? data.job?.last_seq) || 0;
  applyJob(state, data.job);
}

/** Takes a job as `status` shows it; only the times of it, which events do not carry, if newer events were already applied. */
export function applyJob(state, job) {
  if (job === null || typeof job !== "object") return;
  if (Number.isFinite(job.last_seq) && job.last_seq < state.lastSeq) {
    if (state.job) Object.assign(state.job, { started_at: job.started_at, estimated_completion: job.estimated_completion });
    return;
  }
  state.job = { ...job };
  learnStep(state, job, false);
}

/** Takes one event, in order. Replayed events rebuild steps, text and log; only newer ones move the job. */
export function applyEvent(state, name, data, seq) {
  state.lastSeq = seq;
  logEvent(state, name, data, seq);
  learnStep(state, data, true);
  applyText(state, name, data);
  if (Number.isInteger(data.attempt) && data.attempt > 0) state.attempt = data.attempt;
  if (name === "retrying") state.waiting = { error: text(data.error), until: data.next_attempt_at ?? null };
  else if (name !== "delta") state.waiting = null;
  if (name === "failed") state.failureCode = data.code ?? null;
  if (name === "progress") state.detail = data.detail ?? null;
  if (seq > state.knownSeq && state.job) mergeEvent(state.job, name, data, seq);
}

/** Brings a job as `status` shows it up to date with a newer event. */
export function mergeEvent(job, name, data, seq) {
  for (const key of [...SHARED, ...(OF_EVENT[name] ?? [])]) {
    if (data[key] !== undefined && data[key] !== null) job[key] = data[key];
  }
  if (name === "retrying") job.retry_count = (Number(job.retry_count) || 0) + 1;
  if (name === "queued") Object.assign(job, { error_message: null, started_at: null, completed_at: null });
  if (name === "started") job.started_at ??= data.at ?? null;
  if (name in OF_EVENT || name === "cancelled") job.completed_at = data.at ?? job.completed_at;
  job.last_seq = seq;
}

/** Whether the replay has been read up to what the server had when the connection began. */
export function isCaughtUp(state) {
  return state.lastSeq >= state.knownSeq;
}

/** The steps from 1 to the total, each with a name, its latest text and where it stands. */
export function stepsOf(state) {
  const job = state.job ?? {};
  const total = Math.min(Number(job.total_steps) || 0, 50);
  const now = Number(job.step) || 0;
  return Array.from({ length: total }, (_, index) => {
    const number = index + 1;
    const learnt = state.steps.get(number);
    return { number, name: learnt?.name ?? `Step ${number}`, latest: learnt?.latest ?? "", standing: standing(job.status, number, now) };
  });
}

/** `Step 2/3: Saving` → `{ number: 2, text: "Saving" }`, or null. */
export function parseStep(currentStep) {
  const match = /^Step (\d+)\/(\d+):\s*(.+)$/s.exec(text(currentStep));
  return match ? { number: Number(match[1]), text: match[3] } : null;
}

function emptyHistory() {
  return { steps: new Map(), text: null, reachedStep: 0, attempt: 0, waiting: null, detail: null, failureCode: null, log: [], logged: 0 };
}

function standing(status, number, now) {
  if (status === "completed" || number < now) return "done";
  if (number > now) return "waiting";
  if (status === "failed") return "failed";
  if (status === "cancelled") return "cancelled";
  return "current";
}

// The first event of a step names it; later ones say how far it is. A status is a picture of some moment in the
// step, so its text stands in for the name only until the first event is there.
function learnStep(state, data, isEvent) {
  const parsed = parseStep(data.current_step);
  if (parsed === null || parsed.number < 1 || parsed.number > 50) return;
  const known = state.steps.get(parsed.number);
  if (known?.isNamed || (known && !isEvent)) known.latest = parsed.text;
  else state.steps.set(parsed.number, { name: parsed.text, latest: parsed.text, isNamed: isEvent });
}

function applyText(state, name, data) {
  const step = Number(data.step) || state.reachedStep;
  if (name === "delta") appendText(state, step, data);
  if (voidsText(name, data, state.text) && state.text.step >= step) state.text.isVoid = true;
  state.reachedStep = step;
}

// The text of a step that will be executed again is void; that of a stored step stays.
// A job taken over from a dead worker shows it only by a new attempt's `started`.
function voidsText(name, data, written) {
  if (written === null) return false;
  return name === "retrying" || name === "queued" || (name === "started" && Number(data.attempt) > written.attempt);
}

function appendText(state, step, data) {
  const piece = text(data.text);
  const attempt = Number(data.attempt) || 0;
  const current = state.text;
  if (!current || current.isVoid || current.step !== step || current.attempt !== attempt) {
    state.text = { step, attempt, content: piece, isVoid: false };
    return;
  }
  current.content += piece;
  if (current.content.length > TEXT_LIMIT) current.content = current.content.slice(-TEXT_LIMIT / 2);
}

function logEvent(state, name, data, seq) {
  state.logged += 1;
  state.log.push({ seq, name, at: data.at, summary: summary(name, data) });
  if (state.log.length > LOG_LIMIT) state.log.shift();
}

function summary(name, data) {
  if (name === "delta") return text(data.text).slice(0, 160);
  if (name === "retrying") return `${text(data.error)} – next attempt ${text(data.next_attempt_at)}`;
  if (name === "failed") return [text(data.error_message), data.code ? `(${text(data.code)})` : ""].join(" ").trim();
  const detail = data.detail && typeof data.detail === "object" && Object.keys(data.detail).length > 0 ? JSON.stringify(data.detail).slice(0, 300) : "";
  return [text(data.current_step), Number.isFinite(data.progress) ? `${data.progress} %` : "", detail].filter(Boolean).join(" · ");
}

function text(value) {
  return typeof value === "string" ? value : value === null || value === undefined ? "" : JSON.stringify(value);
}
