// The one error of the client: a refusal in the contract's shape, or what kept an answer from coming.
// Must not decide what follows from it.

/** What a `JobcastError` knows besides its message. */
export interface ErrorFacts {
  /** The HTTP status; 0 when there was no answer. */
  status?: number;
  /**
   * The contract's word (`not_found`, `queue_full`, …), or the client's own: `unreachable`, `timeout`, `not_json`,
   * `not_a_stream`, `mute`, `bad_frame`, `no_token`.
   */
  code?: string;
  /** The part of the request that is wrong. */
  field?: string | null;
  /** How long the server asks to wait, in milliseconds. */
  retryAfter?: number | null;
  /** The job's status, where the refusal names it. */
  jobStatus?: string | null;
  cause?: unknown;
}

/** A call that was refused or had no answer. */
export class JobcastError extends Error {
  override readonly name = "JobcastError";
  readonly status: number;
  readonly code: string;
  readonly field: string | null;
  readonly retryAfter: number | null;
  readonly jobStatus: string | null;

  constructor(message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.status = facts.status ?? 0;
    this.code = facts.code ?? "unknown";
    this.field = facts.field ?? null;
    this.retryAfter = facts.retryAfter ?? null;
    this.jobStatus = facts.jobStatus ?? null;
  }

  /** Whether the same call may succeed later without anything being changed. */
  get isTemporary(): boolean {
    if (this.code === "missing_key") return false;
    return this.status === 0 || this.status === 408 || this.status === 425 || this.status === 429 || this.status >= 500 || this.code === "not_json";
  }
}

/** What was thrown, as an error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
