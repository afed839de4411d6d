// The server as the page uses it: the client, made anew with each token, and the server's clock.
// Must not know what is asked for or watched.
import { createClient } from "/static/client.js";
import { currentToken, hasOtherToken } from "/static/session.js";

let client = null;
let madeWith = null;
let clockOffset = 0;

/** The server's idea of now in milliseconds, from the `Date` of its last answer (to the second). */
export function serverNow() {
  return Date.now() + clockOffset;
}

/**
 * Gives what `work(client)` does, a call or a watch. When it is refused for want of a good token, asks the person for one and
 * begins again with that.
 */
export async function withClient(work) {
  for (;;) {
    const token = currentToken();
    try {
      return await work(clientWith(token));
    } catch (error) {
      if (error?.status !== 401 || !(await hasOtherToken(token, error.message))) throw error;
    }
  }
}

function clientWith(token) {
  if (client === null || token !== madeWith) client = createClient({ token, fetch: fetchAndNoteClock });
  madeWith = token;
  return client;
}

async function fetchAndNoteClock(address, options) {
  const answer = await fetch(address, options);
  const instant = Date.parse(answer.headers.get("Date") ?? "");
  if (!Number.isNaN(instant)) clockOffset = instant - Date.now();
  return answer;
}
