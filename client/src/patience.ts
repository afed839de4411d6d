// Every wait and bound of a watch, in milliseconds unless it says otherwise.
// Must not hold code.

/** A stream that brings nothing for so long, not even a keep-alive, is mute. The server's come every 15 s. */
export const SILENCE = 40_000;
/** The first frame follows the head at once; what holds it back for longer than this, buffers. */
export const FIRST_FRAME = 15_000;
/** A stream that brings something after so long is not held back by anything. */
export const PROVEN = 10_000;
/** After so many tries in a row that brought nothing the state is asked for by other means. A number. */
export const TRIES = 3;
/** Between tries of the stream: the first wait, doubled with each failure up to the last. */
export const BACKOFF = { first: 1_000, last: 30_000 };
/** The same while the state is asked for by other means. */
export const CLIMB = { first: 30_000, last: 300_000 };
/** How long the server holds a question: less than the half minute after which many proxies give up. In seconds. */
export const HOLD = 25;
/** After a held question failed, none is held for so long. */
export const HOLD_AGAIN = 120_000;
/** Between two questions that are not held, and at least between any two. */
export const POLL = 2_500;
export const LEAST_POLL = 1_000;
/** How long a free connection is waited for before the state is asked for without one, and by a question that would be held. */
export const SLOT = 1_000;
export const HOLD_SLOT = 250;
/** How long the leading tab may be without its stream. */
export const LEADER_LOST = 10_000;
/** How long the events behind a final state that was asked for may take. */
export const TAIL = 10_000;
/** An answer of 404 that is not the server's own is believed when it came so often in a row. A number. */
export const NOT_FOUND_TRIES = 5;
/** The longest wait that the server is obeyed with. */
export const LONGEST_ASKED = 120_000;
