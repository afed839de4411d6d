// All jobs of the brand, live.
import type { Job } from "@jobcast/client";

export function JobList({ jobs }: { jobs: readonly Job[] }) {
  if (jobs.length === 0) return <p className="note">None yet.</p>;
  return (
    <ul id="list">
      {jobs.map((job) => (
        <li key={job.id} data-status={job.status}>
          <a href={`#/jobs/${job.id}`}>{nameOf(job)}</a> <span className="note">{job.status === "processing" ? `${job.progress} %` : job.status}</span>
        </li>
      ))}
    </ul>
  );
}

export function nameOf(job: Job): string {
  return String(job.input_data.competitor_name ?? job.input_data.url ?? job.job_type);
}
