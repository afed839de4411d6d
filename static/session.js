// The token of this session: asked for when the server wants one, kept for this tab alone.
// It is never written to the address or to a store that outlives the tab, and never judged here: the server says what it opens.
import { byId, setShown, setText } from "/static/dom.js";

const KEY = "jobcast.token";

let token = stored();
/** While the dialog is open: a promise of whether a token was entered. */
let asking = null;
/** The person closed the dialog without a token; only they open it again. */
let isDeclined = false;
let onToken = () => {};

/** Mounts the dialog and the button in the page's head; `onBrands` hears the ids of the brands that a new token names. */
export function mountSession(onBrands) {
  onToken = () => onBrands(brandsOf(token));
  byId("token-cancel").addEventListener("click", () => byId("token-dialog").close());
  byId("session-button").addEventListener("click", () => (token === null ? signIn() : signOut()));
  showButton();
}

/** The token that calls are made with; null where none was needed so far. */
export function currentToken() {
  return token;
}

/** Whether the person is being asked: what can wait, should. */
export function isAsking() {
  return asking !== null;
}

/** After a call with the token `used` was refused with these words: whether there is another one now. Asks the person. */
export async function hasOtherToken(used, words) {
  if (token !== used) return token !== null;
  if (isDeclined) return false;
  return ask(used === null ? "" : words);
}

function ask(words) {
  asking ??= new Promise((resolve) => {
    const [dialog, input, form] = [byId("token-dialog"), byId("token-input"), byId("token-form")];
    let isEntered = false;
    showError(words);
    input.value = "";
    form.onsubmit = (event) => {
      event.preventDefault();
      const entered = input.value.trim().replace(/^bearer\s+/i, "");
      if (entered === "") return showError("Paste the token here.");
      isEntered = true;
      token = keep(entered);
      dialog.close();
    };
    dialog.onclose = () => {
      input.value = "";
      asking = null;
      isDeclined = !isEntered;
      // The one that was refused is of no more use.
      if (isDeclined) token = keep(null);
      showButton();
      if (isEntered) onToken();
      resolve(isEntered);
    };
    if (!dialog.open) dialog.showModal();
  });
  return asking;
}

async function signIn() {
  isDeclined = false;
  if (await ask("")) location.reload();
}

// Loaded anew, so that nothing that the token showed stays on the page.
function signOut() {
  token = keep(null);
  location.reload();
}

function showError(words) {
  setText(byId("token-error"), words);
  setShown(byId("token-error"), words !== "");
  if (words === "") byId("token-input").removeAttribute("aria-invalid");
  else byId("token-input").setAttribute("aria-invalid", "true");
  byId("token-input").focus();
}

function showButton() {
  setText(byId("session-button"), token === null ? "Sign in" : "Sign out");
  setShown(byId("session-button"), token !== null || isDeclined);
}

// Read without being checked, to begin with a brand that the token is for; `"*"` and what cannot be read name none.
function brandsOf(jwt) {
  try {
    const body = jwt.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    const { brands } = JSON.parse(atob(body));
    return Array.isArray(brands) ? brands.map((id) => String(id).toLowerCase()) : [];
  } catch {
    return [];
  }
}

// Storage may be refused (private windows, policies); the token then lives as long as the page.
function stored() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function keep(value) {
  try {
    if (value === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, value);
  } catch {
    // See `stored`.
  }
  return value;
}
