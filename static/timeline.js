// The attempts at a job and the steps of each, from its events alone. No DOM, no network.

/** Steps and attempts beyond these are not shown: the server has no job with so many. */
const MOST_STEPS = 50;
const MOST_ATTEMPTS = 100;

const OUTCOMES = { retrying: "failed", failed: "failed", completed: "completed", cancelled: "cancelled" };

export class Timeline {
  #attempts = [];
  #isPutBack = false;

  /** Takes every event of a job, in order. */
  take(event) {
    const at = Date.parse(event.at);
    // Put back by a person; the first `queued` is the start.
    if (event.type === "queued") this.#isPutBack = this.#attempts.length > 0;
    if (event.type === "queued" || !(event.attempt > 0)) return;
    const attempt = this.#attempt(event, at);
    this.#takeStep(attempt, event, at);
    // An end while nothing runs belongs to no attempt: a cancel in the queue.
    if (event.type in OUTCOMES && attempt.outcome === null) end(attempt, event, at);
  }

  /** Forgets everything. */
  clear() {
    this.#attempts = [];
    this.#isPutBack = false;
  }

  /**
   * What there is to show of a job, from the first attempt to the last, so that rows which are there stay where they are: a
   * row of kind `attempt` (`number`, `outcome`, `isByPerson`, `startedAt`, `endedAt`), below it those of kind `step` (`number`,
   * `name`, `latest`, `standing` of done · current · waiting · failed · cancelled, `keptFrom` the attempt that did it, `startedAt`,
   * `endedAt`), and if it failed one of kind `error` (`error`). Times in milliseconds, or NaN.
   */
  rows(job) {
    const shown = this.#attempts.length > 0 ? this.#attempts : [remembered(job)];
    return shown.flatMap((attempt, index) => {
      const { number, error, outcome } = attempt;
      const steps = countTo(lastStepOf(attempt, job)).map((step) => this.#stepRow(attempt, step, job, index === shown.length - 1));
      const reason = outcome === "failed" && error !== "" ? [{ kind: "error", key: `${number}/error`, error }] : [];
      return [attemptRow(attempt), ...steps, ...reason];
    });
  }

  #attempt(event, at) {
    const last = this.#attempts.at(-1);
    if (last?.number === event.attempt) return last;
    // A worker that died has said nothing.
    if (last?.outcome === null) Object.assign(last, { outcome: "failed", error: "The attempt was lost.", endedAt: at });
    const startedAt = event.type === "started" ? at : NaN;
    const begun = { number: event.attempt, startedAt, endedAt: NaN, outcome: null, error: "", isByPerson: this.#isPutBack, steps: new Map() };
    this.#isPutBack = false;
    this.#attempts = [...this.#attempts.slice(1 - MOST_ATTEMPTS), begun];
    return begun;
  }

  // The first event of a step names it; later ones say how far it is.
  #takeStep(attempt, event, at) {
    const parsed = parseStep(event.current_step);
    if (parsed === null || event.type === "started" || event.type in OUTCOMES) return;
    const known = attempt.steps.get(parsed.number);
    if (known !== undefined) known.latest = parsed.text;
    else {
      for (const step of attempt.steps.values()) if (Number.isNaN(step.endedAt)) step.endedAt = at;
      attempt.steps.set(parsed.number, { name: parsed.text, latest: parsed.text, startedAt: at, endedAt: NaN });
    }
  }

  #stepRow(attempt, number, job, isLast) {
    const own = attempt.steps.get(number);
    const earlier = own === undefined ? this.#attempts.find((each) => each !== attempt && isDone(each, number)) : undefined;
    const known = own ?? earlier?.steps.get(number) ?? this.#anyStep(number) ?? namedBy(job, number);
    const standing = own === undefined && isLast ? standingOfJob(job, number, attempt.steps.size > 0) : standingIn(attempt, number);
    const keptFrom = standing === "done" && earlier !== undefined ? earlier.number : null;
    const times = own ?? { startedAt: NaN, endedAt: NaN };
    const endedAt = Number.isNaN(times.endedAt) && own !== undefined ? attempt.endedAt : times.endedAt;
    return { kind: "step", key: `${attempt.number}/${number}`, number, name: known?.name ?? `Step ${number}`, latest: own?.latest ?? "", standing, keptFrom, startedAt: times.startedAt, endedAt };
  }

  #anyStep(number) {
    return this.#attempts.map((attempt) => attempt.steps.get(number)).find((step) => step !== undefined);
  }
}

/** `Step 2/3: Saving` → `{ number: 2, text: "Saving" }`, or null. */
export function parseStep(currentStep) {
  const match = /^Step (\d+)\/(\d+):\s*(.+)$/s.exec(typeof currentStep === "string" ? currentStep : "");
  const number = Number(match?.[1]);
  return match !== null && number >= 1 && number <= MOST_STEPS ? { number, text: match[3] } : null;
}

function end(attempt, event, at) {
  attempt.outcome = OUTCOMES[event.type];
  attempt.endedAt = at;
  attempt.error = String(event.error ?? event.error_message ?? "");
  if (attempt.outcome === "completed") for (const step of attempt.steps.values()) if (Number.isNaN(step.endedAt)) step.endedAt = at;
}

function isDone(attempt, number) {
  return attempt.steps.has(number) && standingIn(attempt, number) === "done";
}

// A step that an attempt has not begun was done before.
function standingIn(attempt, number) {
  const step = attempt.steps.get(number);
  if (step === undefined) return "done";
  if (attempt.outcome === "completed" || !Number.isNaN(step.endedAt)) return "done";
  return attempt.outcome ?? "current";
}

// A step that this attempt has not said anything about: done before it, or still to come.
function standingOfJob(job, number, hasSteps) {
  if (job.status === "completed" || number < job.step) return "done";
  if (number > job.step || hasSteps || job.status === "pending") return "waiting";
  return job.status === "processing" ? "current" : job.status;
}

function attemptRow({ number, outcome, isByPerson, startedAt, endedAt }) {
  return { kind: "attempt", key: `${number}`, number, outcome, isByPerson, startedAt, endedAt };
}

// One that did not succeed is shown as far as it came.
function lastStepOf({ outcome, steps }, job) {
  if (outcome === null || outcome === "completed") return job.total_steps;
  return steps.size > 0 ? Math.max(...steps.keys()) : job.step;
}

// What the state of a job says of its last attempt when there is no event of it: in the queue, or when history was removed.
function remembered(job) {
  const outcome = job.status === "pending" || job.status === "processing" ? null : job.status;
  const number = Date.parse(job.started_at ?? "") > 0 ? (Number(job.retry_count) || 0) + 1 : 0;
  const times = { startedAt: Date.parse(job.started_at ?? ""), endedAt: Date.parse(job.completed_at ?? "") };
  return { number, ...times, outcome, error: String(job.error_message ?? ""), isByPerson: false, steps: new Map() };
}

function namedBy(job, number) {
  const parsed = parseStep(job.current_step);
  return parsed?.number === number ? { name: parsed.text } : undefined;
}

function countTo(total) {
  return Array.from({ length: Math.min(Number(total) || 0, MOST_STEPS) }, (_, index) => index + 1);
}
