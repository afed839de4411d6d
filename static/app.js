// Wires the parts together and shows the view that the address names: `#/` or `#/jobs/<id>`.
import { brandId, mountBrand, useBrand } from "/static/brand.js";
import { byId, setShown } from "/static/dom.js";
import { mountFaultList } from "/static/fault-list.js";
import { hideJobList, mountJobList, resetJobList, showJobList } from "/static/job-list.js";
import { leaveJobPage, mountJobPage, showJobPage } from "/static/job-page.js";
import { mountSession } from "/static/session.js";
import { mountStartForm } from "/static/start-form.js";

/** The page is shown when the job types are known, or after this many milliseconds without an answer. */
const FIRST_ANSWER = 1_500;

/** The address whose view is shown. */
let routed = null;

async function main() {
  mountBrand(() => {
    resetJobList();
    if (location.hash.startsWith("#/jobs/")) location.hash = "#/";
    else showJobList();
  });
  mountSession(adoptBrand);
  mountJobList();
  mountJobPage();
  mountSkipLink();
  mountFaultList(showHome);
  const typesKnown = mountStartForm({
    onTypes: (answer) => setShown(byId("demo-banner"), answer.simulated === true),
    onStarted: (jobId) => { location.hash = `#/jobs/${encodeURIComponent(jobId)}`; },
  });
  await Promise.race([typesKnown, new Promise((resolve) => { setTimeout(resolve, FIRST_ANSWER); })]);
  route();
  setShown(byId("main"), true);
  window.addEventListener("hashchange", () => {
    if (location.hash === routed) return;
    route();
    focusHeading();
  });
}

// A token for other brands than the page's own would show an empty list.
function adoptBrand(brands) {
  if (brands.length === 0 || brands.includes(brandId())) return;
  useBrand(brands[0]);
  resetJobList();
  if (routed !== null && !byId("home-view").hidden) showJobList();
}

function route() {
  routed = location.hash;
  const match = /^#\/jobs\/([^/]+)$/.exec(location.hash);
  setShown(byId("home-view"), match === null);
  setShown(byId("job-view"), match !== null);
  if (match === null) {
    leaveJobPage();
    document.title = "jobcast";
    showJobList();
  } else {
    hideJobList();
    showJobPage(decode(match[1]));
  }
}

// At once, so that the form can take the focus.
function showHome() {
  if (byId("home-view").hidden) {
    location.hash = "#/";
    route();
  }
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// A change of view is a change of page for a keyboard or screen reader.
function focusHeading() {
  window.scrollTo(0, 0);
  byId(byId("job-view").hidden ? "start-title" : "job-title").focus({ preventScroll: true });
}

// The address after # belongs to the router, so the link moves the focus itself.
function mountSkipLink() {
  byId("skip-link").addEventListener("click", (event) => {
    event.preventDefault();
    byId("main").focus();
  });
}

main();
