// The names of a brand's personas by their ids, from the results of its latest jobs that made some.
import { withClient } from "/static/server.js";
import { asList, asObject } from "/static/value-view.js";

/** How many jobs are looked at: campaigns are made for the latest personas. */
const JOBS = 3;

/** A map from id to name; smaller, or empty, where a result cannot be had: names are an embellishment. */
export async function fetchPersonaNames(brandId) {
  try {
    const wanted = { brand_id: brandId, limit: JOBS, job_type: "target_audiences", status: "completed" };
    const { jobs } = await withClient((client) => client.list(wanted));
    const results = await Promise.allSettled(asList(jobs).map((job) => withClient((client) => client.result(job.id))));
    const answers = results.filter(({ status }) => status === "fulfilled").map(({ value }) => asObject(value.result_data));
    const personas = answers.flatMap((data) => asList(data.target_audiences)).map(asObject);
    return new Map(personas.filter(({ name }) => typeof name === "string").map(({ id, name }) => [id, name]));
  } catch {
    return new Map();
  }
}
