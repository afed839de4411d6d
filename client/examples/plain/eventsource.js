// The events of a job with nothing but the browser's EventSource.
const byId = (id) => document.getElementById(id);

byId("start").addEventListener("click", async () => {
  const started = await fetch("/api/jobs/start", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ brand_id: crypto.randomUUID(), job_type: "competitor_analysis", input_data: { competitor_name: "Nike" } }),
  }).then((response) => response.json());

  const events = new EventSource(started.events_url);
  let lastSeq = 0;
  events.addEventListener("sync", (e) => { lastSeq = JSON.parse(e.data).last_seq; });
  for (const name of ["queued", "started", "progress", "delta", "retrying", "completed", "failed", "cancelled"]) {
    events.addEventListener(name, (e) => {
      const event = JSON.parse(e.data);
      byId("bar").value = event.progress;
      byId("label").textContent = event.status === "processing" ? event.current_step : event.status;
      byId("ids").append(Object.assign(document.createElement("li"), { textContent: `${e.lastEventId} ${name}` }));
      // An end with a lower number is history: a retry followed it.
      if (["completed", "failed", "cancelled"].includes(name) && event.seq >= lastSeq) events.close();
    });
  }
});
