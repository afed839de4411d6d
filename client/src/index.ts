// The public face of the package.
// Must not hold anything of its own.
export { createClient } from "./client.js";
export type { CallOptions, Client, ClientOptions, StartOptions, WatchBrandOptions, WatchOptions } from "./client.js";
export type { Clock } from "./clock.js";
export { JobcastError } from "./errors.js";
export { FrameDecoder } from "./frames.js";
export type { Frame } from "./frames.js";
export { EVENT_LIMIT, JobState, TEXT_LIMIT, advanced } from "./job-state.js";
export type { ModelText } from "./job-state.js";
export { isTerminal } from "./subject.js";
export type { TokenSource } from "./token.js";
export type * from "./types.js";
