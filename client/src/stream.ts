// One connection of an event stream, by fetch or, where that cannot stream, by EventSource.
// Must not open another one after it.
import { Scope } from "./clock.js";
import { JobcastError } from "./errors.js";
import { type Frame, FrameDecoder } from "./frames.js";
import type { Http } from "./http.js";

export interface StreamHandlers {
  /** Something came, if only a comment. */
  alive(): void;
  frame(frame: Frame): void;
}

/** How a connection ended: `over` if the server says that nothing will follow (204), else it was cut or closed. */
export type StreamEnd = "over" | "cut";

export interface StreamReader {
  /** Whether keep-alive comments are seen; where they are not, silence proves nothing. */
  seesComments: boolean;
  /** Reads until the end, or until the scope is ended. A refusal is thrown as `JobcastError`. */
  read(http: Http, path: string, cursor: string | null, scope: Scope, handlers: StreamHandlers): Promise<StreamEnd>;
}

/** How long the head of the stream may take, in milliseconds. */
const HEAD_TIMEOUT = 15_000;

const NAMES = ["sync", "queued", "started", "progress", "delta", "retrying", "completed", "failed", "cancelled"];

/** Reads with fetch: refusals say why, comments are seen, and the token travels in a header. */
export const fetchReader: StreamReader = {
  seesComments: true,
  async read(http, path, cursor, scope, handlers) {
    const headers = { Accept: "text/event-stream" };
    const response = await http.open({ path, query: { last_event_id: cursor }, headers, timeout: HEAD_TIMEOUT }, scope);
    if (response.status === 204) return "over";
    const reader = bodyOf(response, path).getReader();
    const decoder = new FrameDecoder();
    // Ends a read that is under way: an abort alone does not, everywhere, once the whole answer has arrived.
    const stop = () => void reader.cancel().catch(() => undefined);
    scope.signal.addEventListener("abort", stop, { once: true });
    try {
      for (;;) {
        const piece = await reader.read().catch(() => null);
        if (piece === null || piece.done || scope.signal.aborted) return "cut";
        handlers.alive();
        for (const frame of framesIn(decoder, piece.value, path)) {
          // A handler may have ended the connection.
          if (scope.signal.aborted) return "cut";
          handlers.frame(frame);
        }
      }
    } finally {
      scope.signal.removeEventListener("abort", stop);
      stop();
    }
  },
};

/** Reads with an EventSource of this make, for browsers whose fetch cannot stream. The browser's own reconnecting is not used. */
export function eventSourceReader(Source: typeof EventSource): StreamReader {
  return {
    seesComments: false,
    async read(http, path, cursor, scope, handlers) {
      const source = new Source(await http.addressWithToken(path, { last_event_id: cursor }));
      try {
        return await untilItEnds(source, path, scope.signal, handlers);
      } finally {
        source.close();
      }
    },
  };
}

function untilItEnds(source: EventSource, path: string, signal: AbortSignal, handlers: StreamHandlers): Promise<StreamEnd> {
  return new Promise((resolve, reject) => {
    let isOpen = false;
    if (signal.aborted) return resolve("cut");
    signal.addEventListener("abort", () => resolve("cut"), { once: true });
    source.addEventListener("open", () => {
      isOpen = true;
      handlers.alive();
    });
    source.addEventListener("error", () => {
      // Neither the status nor the words of a refusal are told.
      if (isOpen) resolve("cut");
      else reject(new JobcastError(`The stream ${path} was refused or cannot be reached.`, { code: "stream_refused" }));
    });
    for (const name of NAMES) {
      source.addEventListener(name, (message) => {
        if (signal.aborted) return;
        handlers.alive();
        handlers.frame({ kind: "event", id: message.lastEventId, event: name, data: String(message.data) });
      });
    }
  });
}

function bodyOf(response: Response, path: string): ReadableStream<Uint8Array> {
  const type = response.headers.get("Content-Type") ?? "nothing";
  if (response.status !== 200 || !/^text\/event-stream\s*(;|$)/i.test(type) || response.body === null) {
    throw new JobcastError(`The answer to ${path} is no event stream (status ${response.status}, ${type}): something in between may have answered.`, {
      status: response.status,
      code: "not_a_stream",
    });
  }
  return response.body;
}

function framesIn(decoder: FrameDecoder, bytes: Uint8Array, path: string): Frame[] {
  try {
    return decoder.push(bytes);
  } catch (cause) {
    throw new JobcastError(`The stream ${path} cannot be read: ${(cause as Error).message}`, { code: "bad_frame", cause });
  }
}
