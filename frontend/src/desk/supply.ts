/** Tasks for the desk: what the server hands out, renews, takes away or refuses. */
import { ApiError } from "../api";
import { afterPaint } from "../painting";
import type { Store } from "../store";
import { t } from "../strings";
import type { Assignment, AssignmentBatch } from "../types";
import { Leases, mergeLeases } from "./leases";
import type { DeskParts, DeskState } from "./state";

interface SupplyParts extends DeskParts {
  state: Store<DeskState>;
  open: (task: Assignment) => void;
}

export class Supply {
  #parts: SupplyParts;
  #leases: Leases;
  #serverState: AssignmentBatch["state"] = "open";

  constructor(parts: SupplyParts) {
    this.#parts = parts;
    const { api, project, holder, state } = parts;
    this.#leases = new Leases({
      api,
      project,
      holder,
      queue: () => state.get().queue,
      unsent: () => this.#unsent(),
      took: (batch) => this.#take(batch),
      renewed: (id, expiresAt) => this.#renewed(id, expiresAt),
      lost: (id) => this.#lost(id),
      unreachable: () => state.set({ offline: true }),
      failed: (error) => this.#failed(error),
      asksAgain: () => {
        const { offline, queue, phase } = state.get();
        return offline || phase === "paused" || (queue.length === 0 && phase !== "failed");
      },
    });
  }

  start(): AbortSignal {
    return this.#leases.start();
  }

  stop(): void {
    this.#leases.stop();
  }

  /** The person is here. */
  touch(): void {
    this.#leases.touch();
  }

  /** Ask for tasks now. */
  refill(): Promise<void> {
    return this.#leases.refill();
  }

  /** Ask for more where few are left, once the next one is on the screen. */
  topUp(): void {
    afterPaint(() => this.#leases.topUp());
  }

  /** The name in storage of the task in front. */
  get frontKey(): string {
    return `hone.front.${this.#parts.project.slug}`;
  }

  settlePhase(): void {
    const { state } = this.#parts;
    const { queue } = state.get();
    const paused = this.#serverState === "paused";
    if (queue.length > 0) state.set({ phase: paused ? "paused" : "open" });
    else if (this.#serverState === "open") state.set({ phase: "loading" });
    else state.set({ phase: this.#serverState });
  }

  #take(batch: AssignmentBatch): void {
    const { state, outbox, memory, open } = this.#parts;
    const before = state.get();
    // The server is there: what waits out a back-off can go now.
    if (before.offline) outbox.kick();
    const gone = this.#unsent();
    for (const past of before.past) gone.add(past.assignment.id);
    const front = Number(memory?.getItem(this.frontKey));
    const queue = mergeLeases({ queue: before.queue, batch, gone, front });
    this.#serverState = batch.state;
    state.set({
      queue,
      protocols: { ...before.protocols, ...batch.protocols },
      progress: batch.progress,
      thanks: batch.thanks,
      error: null,
      offline: false,
    });
    this.settlePhase();
    if (before.queue.length === 0 && before.at === null && queue[0]) open(queue[0]);
  }

  #renewed(id: number, expires_at: string): void {
    const { state } = this.#parts;
    const queue = state
      .get()
      .queue.map((each) => (each.id === id ? { ...each, expires_at } : each));
    state.set({ queue });
  }

  #lost(id: number): void {
    const { state } = this.#parts;
    const { queue, at } = state.get();
    // The task being read stays: a late answer is kept. The ones behind it
    // make room for fresh ones.
    if (at === null && queue[0]?.id === id) return;
    state.set({ queue: queue.filter((each) => each.id !== id) });
  }

  #failed(error: unknown): void {
    const { state, outbox } = this.#parts;
    const known = error instanceof ApiError;
    if (!known) console.error(error);
    if (known && error.status === 401) outbox.status.set({ signedOut: true });
    state.set({ error: known ? error.message : t.desk.broken });
    if (state.get().queue.length === 0) state.set({ phase: "failed" });
  }

  /** Ids of this project's tasks whose answers are still on this device. */
  #unsent(): Set<number> {
    const { outbox, project } = this.#parts;
    return new Set(
      outbox.status
        .get()
        .entries.filter((entry) => entry.project === project.slug)
        .map((entry) => entry.assignment.id),
    );
  }
}
