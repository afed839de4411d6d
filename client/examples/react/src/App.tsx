// The view that the address names: `#/`, `#/jobs/<id>`, or `#/results/<id of a result>`.
import { useEffect, useState, useSyncExternalStore } from "react";
import { useBrandJobs } from "@jobcast/client/react";
import CompetitorAnalysisButton from "./CompetitorAnalysisButton";
import { JobList } from "./JobList";
import { JobPage } from "./JobPage";

const brandId = (localStorage.brand ??= crypto.randomUUID());

export function App() {
  const [, view, id] = useHash().split("/");
  const { jobs, connection, error } = useBrandJobs(brandId);
  const jobId = view === "results" ? jobs.find((job) => job.result_id === id)?.id : view === "jobs" ? id : undefined;

  useEffect(() => {
    document.getElementById(jobId === undefined ? "home" : "job")?.focus();
  }, [jobId]);

  return (
    <main>
      {jobId === undefined ? <Home /> : <JobPage key={jobId} jobId={jobId} />}
      <section aria-labelledby="jobs-title">
        <h2 id="jobs-title">Jobs</h2>
        <p className="note" id="list-connection">{connection}</p>
        {error && <p role="alert">{error.message}</p>}
        <JobList jobs={jobs} />
      </section>
    </main>
  );
}

function Home() {
  const [name, setName] = useState("Nike");
  return (
    <>
      <h1 id="home" tabIndex={-1}>Competitor analysis</h1>
      <label htmlFor="name">Competitor</label>
      <input id="name" value={name} autoComplete="off" onChange={(event) => setName(event.target.value)} />
      <div id="button"><CompetitorAnalysisButton brandId={brandId} competitorName={name} /></div>
    </>
  );
}

function useHash(): string {
  return useSyncExternalStore(
    (changed) => {
      addEventListener("hashchange", changed);
      return () => removeEventListener("hashchange", changed);
    },
    () => location.hash,
  );
}
