/**
 * Tasks leased ahead for this tab: asked for in time, kept while the person is
 * there, let go when they are not.
 */
import { ApiError, OfflineError, type Api } from "../api";
import type { Assignment, AssignmentBatch, Project } from "../types";

/** Tasks held at once, and the number below which more are asked for. */
const AHEAD = 5;
const TOP_UP_BELOW = 3;
const UPKEEP_EVERY_MS = 15_000;
/** Leases of a person who has been away longer than this are let go. */
const AWAY_AFTER_MS = 5 * 60_000;

interface Merging {
  queue: readonly Assignment[];
  batch: AssignmentBatch;
  /** Tasks that are answered or skipped here, whatever the server knows yet. */
  gone: ReadonlySet<number>;
  /** The task that was in front before a reload. */
  front: number;
}

/** The queue with renewed leases and new tasks, in an order that moves nothing. */
export function mergeLeases({ queue, batch, gone, front }: Merging): Assignment[] {
  const fresh = new Map(batch.assignments.map((each) => [each.id, each]));
  const held = queue.map((each) => {
    const lease = fresh.get(each.id);
    // Only the lease is new: the screen keeps the very same task.
    return lease ? { ...each, expires_at: lease.expires_at } : each;
  });
  const known = new Set(held.map((each) => each.id));
  const added = batch.assignments.filter(
    (each) => !known.has(each.id) && !gone.has(each.id) && !each.answer,
  );
  if (held.length > 0) return [...held, ...added];
  const first = added.filter((each) => each.id === front);
  return [...first, ...added.filter((each) => each.id !== front)];
}

export interface LeasesParts {
  api: Pick<Api, "lease" | "renew">;
  project: Project;
  holder: string;
  queue: () => readonly Assignment[];
  /** Ids of tasks whose answers are still on their way to the server. */
  unsent: () => Set<number>;
  took: (batch: AssignmentBatch) => void;
  renewed: (id: number, expiresAt: string) => void;
  /** Somebody else may have it now. */
  lost: (id: number) => void;
  unreachable: () => void;
  failed: (error: unknown) => void;
  /** Whether to ask again by itself: offline, or waiting for tasks to open. */
  asksAgain: () => boolean;
}

export class Leases {
  #parts: LeasesParts;
  #abort = new AbortController();
  #refilling = false;
  #again = false;
  #upkeep: ReturnType<typeof setInterval> | undefined;
  #lastSeen = Date.now();

  constructor(parts: LeasesParts) {
    this.#parts = parts;
  }

  start(): AbortSignal {
    this.#abort = new AbortController();
    this.#refilling = this.#again = false;
    this.#upkeep = setInterval(() => void this.upkeep(), UPKEEP_EVERY_MS);
    void this.refill();
    return this.#abort.signal;
  }

  stop(): void {
    this.#abort.abort();
    clearInterval(this.#upkeep);
  }

  /** The person is here. */
  touch(): void {
    this.#lastSeen = Date.now();
  }

  topUp(): void {
    const few = this.#parts.queue().length < TOP_UP_BELOW;
    if (few && !this.#refilling) void this.refill();
  }

  async refill(): Promise<void> {
    if (this.#refilling) {
      // What made somebody ask may be newer than the request on its way.
      this.#again = true;
      return;
    }
    this.#refilling = true;
    const { signal } = this.#abort;
    const { api, project, holder, unsent, took, unreachable, failed } = this.#parts;
    try {
      // The server counts unsent answers' tasks as held by this tab still.
      const count = AHEAD + Math.min(AHEAD, unsent().size);
      took(await api.lease({ slug: project.slug, count, holder }, signal));
    } catch (error) {
      if (signal.aborted) return;
      const passes = error instanceof ApiError && error.transient;
      if (error instanceof OfflineError || passes) unreachable();
      else failed(error);
    } finally {
      this.#refilling = false;
      if (this.#again && !signal.aborted) {
        this.#again = false;
        void this.refill();
      }
    }
  }

  async upkeep(): Promise<void> {
    if (this.#parts.asksAgain()) await this.refill();
    if (Date.now() - this.#lastSeen > AWAY_AFTER_MS) return;
    const { api, project, queue, renewed, lost } = this.#parts;
    const soon = Date.now() + Math.max(60_000, project.lease_seconds * 400);
    for (const { id, expires_at } of queue()) {
      if (Date.parse(expires_at) > soon) continue;
      try {
        renewed(id, (await api.renew(id)).expires_at);
      } catch (error) {
        if (!(error instanceof ApiError) || error.transient) return;
        lost(id);
      }
    }
    this.topUp();
  }
}
