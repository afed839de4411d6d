// Starts a job and follows it. The job is in the page's address, so that a reload finds it again.
import { JobState, createClient, isTerminal } from "/client/index.js";

// `?stream=eventsource` and `?stream=none` show what happens where fetch cannot stream, and where nothing can.
const client = createClient({ stream: new URLSearchParams(location.search).get("stream") ?? "auto" });
const byId = (id) => document.getElementById(id);
let watching = new AbortController();

byId("start").addEventListener("submit", async (event) => {
  event.preventDefault();
  await attempt(async () => {
    const request = { brand_id: brandId(), job_type: "competitor_analysis", input_data: { competitor_name: byId("name").value } };
    location.hash = (await client.start(request)).job_id;
  });
});
byId("cancel").addEventListener("click", () => attempt(() => client.cancel(jobId())));
byId("retry").addEventListener("click", () => attempt(async () => {
  await client.retry(jobId());
  follow();
}));
addEventListener("hashchange", follow);
follow();

/** Follows the job of the address from its beginning, in place of the one that was followed. */
async function follow() {
  watching.abort();
  watching = new AbortController();
  const { signal } = watching;
  const id = jobId();
  byId("job").hidden = id === "";
  if (id === "") return;
  const state = new JobState();
  await attempt(async () => {
    const job = await client.watch(id, {
      signal,
      onEvent: (event) => {
        state.apply(event);
        show(state);
      },
      onConnection: ({ state: connection }) => { byId("connection").textContent = connection; },
    });
    if (job.status === "completed") showResult(await client.result(id, { signal }));
  }, signal);
}

function show({ job, text }) {
  const isOver = isTerminal(job.status);
  byId("bar").value = job.progress;
  byId("step").textContent = job.status === "processing" ? job.current_step : [job.status, job.error_message].filter(Boolean).join(": ");
  byId("cancel").hidden = isOver;
  byId("retry").hidden = job.status !== "failed" && job.status !== "cancelled";
  byId("text").textContent = text === null || text.isVoid ? "" : text.content;
  byId("result").hidden = true;
}

function showResult({ result_data }) {
  byId("result").textContent = JSON.stringify(result_data, null, 2);
  byId("result").hidden = false;
}

/** Does something, and shows why it could not be done. */
async function attempt(action, signal) {
  byId("error").hidden = true;
  try {
    await action();
  } catch (error) {
    if (signal?.aborted) return;
    byId("error").textContent = error.message;
    byId("error").hidden = false;
  }
}

function jobId() {
  return location.hash.slice(1);
}

function brandId() {
  localStorage.brand ??= crypto.randomUUID();
  return localStorage.brand;
}
