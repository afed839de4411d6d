"use client";
// The hooks for React 18 and later.
// Must not do what a store can do without React.
import { type ReactNode, createContext, createElement, useCallback, useContext, useMemo, useSyncExternalStore } from "react";
import { type Client, createClient } from "../client.js";
import { BrandStore, type BrandView, IDLE_BRAND, UNKNOWN_BRAND } from "./brand-store.js";
import { IDLE_JOB, JobStore, type JobView, UNKNOWN_JOB } from "./job-store.js";
import { Stores } from "./shared-store.js";

export type { BackgroundJob, HookConnection, JobView } from "./job-store.js";
export type { BrandView } from "./brand-store.js";

export interface HookOptions {
  /** The client to use; that of the nearest `JobcastProvider` if left out, else one for the page's own origin without a token. */
  client?: Client;
}

/** What `useBackgroundJob` gives: what is known of the job, and what can be done to it. */
export interface BackgroundJobHandle extends JobView {
  /** Cancels the job. Never rejects: false if it failed, and `error` says why, or if the component is gone. */
  cancel: () => Promise<boolean>;
  /** Puts a failed or cancelled job back in the queue and watches it again. Never rejects, as above. */
  retry: () => Promise<boolean>;
}

const jobStores = new Stores<JobStore, Client>();
const brandStores = new Stores<BrandStore, Client>();
const ClientContext = createContext<Client | null>(null);
let ownOrigin: Client | null = null;

/** Gives all hooks below it a client. */
export function JobcastProvider({ client, children }: { client: Client; children?: ReactNode }): ReactNode {
  return createElement(ClientContext.Provider, { value: client }, children);
}

/**
 * Follows a job to its end. Without an id it is idle. All components that follow the same job share one connection and one state,
 * and are rendered at most once a frame.
 */
export function useBackgroundJob(jobId: string | null | undefined, options: HookOptions = {}): BackgroundJobHandle {
  const client = useClient(options);
  const id = jobId || null;
  const subscribe = useCallback(
    (changed: () => void) => (id === null ? doNothing : jobStore(client, id).subscribe(changed)),
    [client, id],
  );
  // Looking makes no store: a render that is thrown away, or made on a server, leaves nothing behind.
  const look = () => (id === null ? IDLE_JOB : (jobStores.peek(client, id)?.view ?? UNKNOWN_JOB));
  const view = useSyncExternalStore(subscribe, look, () => IDLE_JOB);
  const cancel = useCallback(async () => id !== null && (await jobStores.peek(client, id)?.cancel()) === true, [client, id]);
  const retry = useCallback(async () => id !== null && (await jobStores.peek(client, id)?.retry()) === true, [client, id]);
  return useMemo(() => ({ ...view, cancel, retry }), [view, cancel, retry]);
}

/** Follows all jobs of a brand over one connection. Without an id it is idle. */
export function useBrandJobs(brandId: string | null | undefined, options: HookOptions = {}): BrandView {
  const client = useClient(options);
  const id = brandId || null;
  const subscribe = useCallback(
    (changed: () => void) => (id === null ? doNothing : brandStore(client, id).subscribe(changed)),
    [client, id],
  );
  const look = () => (id === null ? IDLE_BRAND : (brandStores.peek(client, id)?.view ?? UNKNOWN_BRAND));
  return useSyncExternalStore(subscribe, look, () => IDLE_BRAND);
}

function useClient({ client }: HookOptions): Client {
  const provided = useContext(ClientContext);
  return client ?? provided ?? (ownOrigin ??= createClient());
}

function jobStore(client: Client, id: string): JobStore {
  return jobStores.get(client, id, (ended) => new JobStore(client, id, ended));
}

function brandStore(client: Client, id: string): BrandStore {
  return brandStores.get(client, id, (ended) => new BrandStore(client, id, ended));
}

const doNothing = () => undefined;
