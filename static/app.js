// Wires the parts together and shows the view that the address names: the jobs of a brand, or one job.
import { brandAddress, jobAddress, readAddress } from "/static/address.js";
import { brandId, mountBrand, useBrand } from "/static/brand.js";
import { byId, setShown } from "/static/dom.js";
import { mountFaultList } from "/static/fault-list.js";
import { mountJobFilter, showFilter } from "/static/job-filter.js";
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
    goTo(brandAddress(brandId()));
  });
  mountSession(adoptBrand);
  mountJobFilter(goTo);
  mountJobList();
  mountJobPage();
  mountSkipLink();
  mountFaultList(showHome);
  const typesKnown = mountStartForm({
    onTypes: (answer) => setShown(byId("demo-banner"), answer.simulated === true),
    onStarted: (jobId) => { location.hash = jobAddress(jobId); },
  });
  await Promise.race([typesKnown, new Promise((resolve) => { setTimeout(resolve, FIRST_ANSWER); })]);
  route();
  setShown(byId("main"), true);
  window.addEventListener("hashchange", () => {
    if (location.hash !== routed) followAddress();
  });
}

// A token for other brands than the one that is shown, or is about to be, would show an empty list.
function adoptBrand(brands) {
  const address = readAddress(location.hash);
  const wanted = address.view === "brand" ? (address.brandId ?? brandId()) : brandId();
  if (brands.length === 0 || brands.includes(wanted)) return;
  useBrand(brands[0]);
  resetJobList();
  if (address.view !== "brand") return;
  history.replaceState(null, "", brandAddress(brandId()));
  if (routed !== null) route();
}

function route() {
  const address = readAddress(location.hash);
  setShown(byId("home-view"), address.view === "brand");
  setShown(byId("job-view"), address.view === "job");
  if (address.view === "job") {
    hideJobList();
    showJobPage(address.jobId);
  } else {
    leaveJobPage();
    document.title = "jobcast";
    showBrand(address);
  }
  routed = location.hash;
}

// The address always names the brand, so that it shows the same to whoever it is given to.
function showBrand(address) {
  if (address.brandId !== null && address.brandId !== brandId()) {
    useBrand(address.brandId);
    resetJobList();
  }
  const here = brandAddress(brandId(), address.filter);
  if (location.hash !== here) history.replaceState(null, "", here);
  byId("all-jobs").href = here;
  showFilter(address.filter);
  showJobList(address.filter);
}

function goTo(address) {
  if (address === location.hash) return;
  history.pushState(null, "", address);
  route();
}

// At once, so that the form can take the focus.
function showHome() {
  if (byId("home-view").hidden) goTo(byId("all-jobs").getAttribute("href"));
}

// A change of view is a change of page for a keyboard or screen reader; a change of the filter is not.
function followAddress() {
  const wasHome = !byId("home-view").hidden;
  route();
  const isHome = !byId("home-view").hidden;
  if (wasHome && isHome) return;
  window.scrollTo(0, 0);
  byId(isHome ? "start-title" : "job-title").focus({ preventScroll: true });
}

// The address after # belongs to the router, so the link moves the focus itself.
function mountSkipLink() {
  byId("skip-link").addEventListener("click", (event) => {
    event.preventDefault();
    byId("main").focus();
  });
}

main();
