// What the list is narrowed down to: two choices, kept in the address, so that they can be linked, and left by going back.
import { ALL, brandAddress } from "/static/address.js";
import { brandId } from "/static/brand.js";
import { commandList } from "/static/copying.js";
import { brandCommands } from "/static/curl.js";
import { byId, el, setShown } from "/static/dom.js";
import { STATUS_WORDS } from "/static/format.js";
import { JOB_TYPES, typeName } from "/static/job-words.js";

let shown = ALL;

/** Mounts the choices; `onChoice` hears the address of what was chosen. */
export function mountJobFilter(onChoice) {
  const [status, type] = [byId("filter-status"), byId("filter-type")];
  status.replaceChildren(option("", "All"), ...Object.entries(STATUS_WORDS).map(([value, words]) => option(value, words)));
  type.replaceChildren(option("", "All"), ...JOB_TYPES.map((value) => option(value, typeName(value))));
  const choose = () => onChoice(brandAddress(brandId(), { status: status.value || null, jobType: type.value || null }));
  status.addEventListener("change", choose);
  type.addEventListener("change", choose);
  for (const id of ["filter-clear", "jobs-none-clear"]) {
    byId(id).addEventListener("click", () => {
      onChoice(brandAddress(brandId()));
      status.focus();
    });
  }
  byId("brand-requests").addEventListener("toggle", showCommands);
}

/** Shows a filter, from the address. */
export function showFilter(filter) {
  shown = filter;
  byId("filter-status").value = filter.status ?? "";
  const type = byId("filter-type");
  // A type of a newer server, named in an address.
  if (filter.jobType !== null && !JOB_TYPES.includes(filter.jobType)) type.append(option(filter.jobType, typeName(filter.jobType)));
  type.value = filter.jobType ?? "";
  setShown(byId("filter-clear"), filter.status !== null || filter.jobType !== null, byId("filter-status"));
  showCommands();
}

function showCommands() {
  if (!byId("brand-requests").open) return;
  byId("brand-command-list").replaceChildren(...commandList(brandCommands(brandId(), shown)));
}

function option(value, text) {
  return el("option", { value, text });
}
