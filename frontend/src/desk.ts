/**
 * One person's desk in one project: the task in front, the next ones leased
 * ahead, the answers given before, and the draft. Knows no view library.
 */
import { ApiError, type Api } from "./api";
import type { DraftStore } from "./drafts";
import { answerEntry, skipEntry } from "./entries";
import { Hand, type HandState } from "./hand";
import {
  askable,
  draftOf,
  EMPTY_DRAFT,
  judgmentsOf,
  lackOf,
  sameJudgments,
  type Draft,
} from "./judgments";
import { Leases, mergeLeases } from "./leases";
import type { Outbox } from "./outbox";
import type { AnswerEntry } from "./outboxStorage";
import { mergePast, type Past } from "./past";
import { Store } from "./store";
import type {
  Assignment,
  AssignmentBatch,
  Progress,
  Project,
  Question,
  Thanks,
} from "./types";

export interface DeskState extends HandState {
  phase: "loading" | "open" | "finished" | "paused" | "failed";
  /** queue[0] is in front; the rest is leased ahead. */
  queue: Assignment[];
  /** Oldest first. */
  past: Past[];
  /** The place in `past` of the answer being corrected. */
  at: number | null;
  progress: Progress;
  thanks: Thanks | null;
  /** What went wrong, and what happens next. */
  error: string | null;
  /** One sentence about what just happened; `n` tells repeats apart. */
  notice: { text: string; n: number } | null;
  /** The last attempt to get tasks found no server. */
  offline: boolean;
}

export interface DeskParts {
  api: Pick<Api, "lease" | "history" | "renew" | "answer">;
  outbox: Pick<Outbox, "add" | "kick" | "takeBack" | "onAcknowledged" | "status">;
  drafts: DraftStore;
  project: Project;
  user: string;
  holder: string;
  /** Where the id of the task in front is remembered, for reloads. */
  memory?: Pick<Storage, "getItem" | "setItem">;
  /** Tasks came that are asked by newer questions than the project's here. */
  outdated?: () => void;
}

export class Desk {
  readonly state: Store<DeskState>;
  readonly questions: Question[];
  readonly hand: Hand<DeskState>;

  #parts: DeskParts;
  #leases: Leases;
  #busy = false;
  #serverState: AssignmentBatch["state"] = "open";
  #stop: (() => void)[] = [];
  #notices = 0;

  constructor(parts: DeskParts) {
    this.#parts = parts;
    this.questions = askable(parts.project.protocol.questions);
    this.state = new Store<DeskState>({
      phase: "loading",
      queue: [],
      past: [],
      at: null,
      draft: EMPTY_DRAFT,
      question: 0,
      progress: parts.project.progress,
      thanks: null,
      error: null,
      notice: null,
      offline: false,
    });
    this.hand = new Hand({
      state: this.state,
      questions: this.questions,
      drafts: parts.drafts,
      shown: () => this.shown,
    });
    this.#leases = new Leases({
      api: parts.api,
      project: parts.project,
      holder: parts.holder,
      queue: () => this.state.get().queue,
      unsent: () => this.#unsent(),
      took: (batch) => this.#take(batch),
      renewed: (id, expiresAt) => this.#renewed(id, expiresAt),
      lost: (id) => this.#lost(id),
      unreachable: () => this.state.set({ offline: true }),
      failed: (error) => this.#failed(error),
      asksAgain: () => {
        const { offline, queue, phase } = this.state.get();
        return offline || phase === "paused" || (queue.length === 0 && phase !== "failed");
      },
    });
  }

  /** The task on the screen: the one in front, or one being corrected. */
  get shown(): Assignment | null {
    const { at, past, queue } = this.state.get();
    return (at === null ? queue[0] : past[at]?.assignment) ?? null;
  }

  start(): void {
    this.#stop.push(
      this.#parts.outbox.onAcknowledged((entry, receipt) => {
        const past = this.state
          .get()
          .past.map((each) =>
            each.clientId === entry.client_id
              ? { ...each, feedbackId: receipt?.feedback_id ?? null }
              : each,
          );
        this.state.set({ past });
        if (receipt && entry.project === this.#parts.project.slug) {
          this.state.set({ progress: receipt.progress });
        }
        // With the last answer stored, the server may know that all is done.
        const { offline, queue } = this.state.get();
        if (offline || queue.length === 0) void this.refill();
      }),
    );
    void this.#remember(this.#leases.start());
  }

  stop(): void {
    this.hand.keep();
    this.#leases.stop();
    for (const stop of this.#stop) stop();
    this.#stop = [];
  }

  /** The person pressed, moved or scrolled. */
  touch(): void {
    this.#leases.touch();
    this.hand.timer.touch();
  }

  /** The page was hidden: stop the clock and put the time down. */
  hide(): void {
    this.hand.timer.pause();
    this.hand.keep();
  }

  // --- Getting tasks ---------------------------------------------------

  /** Ask for tasks now. */
  refill(): Promise<void> {
    return this.#leases.refill();
  }

  #take(batch: AssignmentBatch): void {
    const before = this.state.get();
    const { version } = this.#parts.project.protocol;
    if (batch.assignments.some((each) => each.protocol_version > version)) {
      this.#parts.outdated?.();
    }
    // The server is there: what waits out a back-off can go now.
    if (before.offline) this.#parts.outbox.kick();
    const gone = this.#unsent();
    for (const past of before.past) gone.add(past.assignment.id);
    const front = Number(this.#parts.memory?.getItem(this.#frontKey));
    const queue = mergeLeases({ queue: before.queue, batch, gone, front });
    this.#serverState = batch.state;
    this.state.set({
      queue,
      progress: batch.progress,
      thanks: batch.thanks,
      error: null,
      offline: false,
    });
    this.#settlePhase();
    if (before.queue.length === 0 && before.at === null && queue[0]) {
      this.#open(queue[0]);
    }
  }

  #settlePhase(): void {
    const { queue } = this.state.get();
    const paused = this.#serverState === "paused";
    if (queue.length > 0) this.state.set({ phase: paused ? "paused" : "open" });
    else if (this.#serverState === "open") this.state.set({ phase: "loading" });
    else this.state.set({ phase: this.#serverState });
  }

  #renewed(id: number, expires_at: string): void {
    const queue = this.state
      .get()
      .queue.map((each) => (each.id === id ? { ...each, expires_at } : each));
    this.state.set({ queue });
  }

  #lost(id: number): void {
    const { queue, at } = this.state.get();
    // The task being read stays: a late answer is kept. The ones behind it
    // make room for fresh ones.
    if (at === null && queue[0]?.id === id) return;
    this.state.set({ queue: queue.filter((each) => each.id !== id) });
  }

  #failed(error: unknown): void {
    const known = error instanceof ApiError;
    if (!known) console.error(error);
    if (known && error.status === 401) {
      this.#parts.outbox.status.set({ signedOut: true });
    }
    const text = known ? error.message : "Something broke in this page. Reload it.";
    this.state.set({ error: text });
    if (this.state.get().queue.length === 0) this.state.set({ phase: "failed" });
  }

  /** Ids of this project's tasks whose answers are still on this device. */
  #unsent(): Set<number> {
    return new Set(
      this.#parts.outbox.status
        .get()
        .entries.filter((entry) => entry.project === this.#parts.project.slug)
        .map((entry) => entry.assignment.id),
    );
  }

  // --- Answering ---------------------------------------------------------

  /** Accept the answer and go on. The answer is on the disk first. */
  async accept(): Promise<void> {
    const shown = this.shown;
    if (!shown || this.#busy) return;
    const { draft, at, past } = this.state.get();
    const lack = lackOf(draft, this.questions);
    if (lack) {
      const text =
        lack.what === "reason"
          ? "This project asks for a reason. Press R and write one."
          : `Choose an answer first: ${lack.question.text}`;
      return this.notify(text);
    }
    const judgments = judgmentsOf(draft, shown, this.questions);
    const earlier = at === null ? null : (past[at] ?? null);
    if (earlier && sameJudgments(earlier.judgments, judgments)) {
      this.toPresent();
      return this.notify("Nothing changed.");
    }
    const entry = answerEntry({
      ...this.#origin(shown),
      judgments,
      activeMs: this.hand.timer.elapsedMs(),
      earlier,
    });
    const done: Past = {
      kind: "answer",
      assignment: shown,
      judgments,
      clientId: entry.client_id,
      feedbackId: null,
    };
    this.#busy = true;
    try {
      done.feedbackId = await this.#post(entry);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return this.notify(`Your answer is not saved yet: ${why}`);
    } finally {
      this.#busy = false;
    }
    this.#parts.drafts.drop(shown.id);
    const now = this.state.get();
    if (earlier) {
      const place = now.past.findIndex((each) => each.clientId === earlier.clientId);
      this.state.set({ past: now.past.with(place, done) });
      this.toPresent();
      this.notify("Corrected.");
    } else {
      this.#leave(done);
      this.state.set({ notice: null });
    }
  }

  /** Returns the server's id when the answer had to be sent at once. */
  async #post(entry: AnswerEntry): Promise<string | null> {
    try {
      await this.#parts.outbox.add(entry);
      return null;
    } catch (storageError) {
      // A full disk or a private window: send it before the screen moves on.
      console.warn("this device cannot keep answers; sending directly", storageError);
      const body = { ...entry.body };
      const receipt = await this.#parts.api.answer(entry.assignment.id, body);
      this.state.set({ progress: receipt.progress });
      return receipt.feedback_id;
    }
  }

  #origin(assignment: Assignment) {
    const { user, project } = this.#parts;
    return { user, project: project.slug, assignment };
  }

  /** Put the task in front aside and open the next one. */
  #leave(done: Past): void {
    const { past, queue } = this.state.get();
    const rest = queue.filter((each) => each.id !== done.assignment.id);
    this.state.set({ past: [...past, done], queue: rest });
    this.#open(rest[0] ?? null);
    this.#settlePhase();
    this.#leases.topUp();
  }

  /** Lay a task on the desk. */
  #open(assignment: Assignment | null, fallback?: Draft): void {
    this.hand.take(assignment, fallback);
    if (assignment && this.state.get().at === null) {
      this.#parts.memory?.setItem(this.#frontKey, String(assignment.id));
    }
  }

  get #frontKey(): string {
    return `hone.front.${this.#parts.project.slug}`;
  }

  /** Skip the task in front; undo takes it back for a few seconds. */
  async skip(reason: string): Promise<void> {
    const { at, draft } = this.state.get();
    const shown = this.shown;
    if (!shown || at !== null || this.#busy) return;
    const entry = skipEntry({ ...this.#origin(shown), reason, flag: draft.flags[0] });
    this.#busy = true;
    try {
      await this.#parts.outbox.add(entry);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return this.notify(`The task is not skipped: ${why}`);
    } finally {
      this.#busy = false;
    }
    this.hand.keep();
    this.#leave({
      kind: "skip",
      assignment: shown,
      judgments: [],
      clientId: entry.client_id,
      feedbackId: null,
    });
    this.notify("Skipped. Undo brings it back for ten seconds.");
  }

  // --- Looking back -------------------------------------------------------

  get canGoBack(): boolean {
    const { at, past } = this.state.get();
    return (at ?? past.length) > 0;
  }

  /** Undo: back to the last answer, then the one before it. */
  async back(): Promise<void> {
    this.hand.keep();
    const { at, past } = this.state.get();
    const place = (at ?? past.length) - 1;
    const earlier = past[place];
    if (!earlier) return this.notify("There is no earlier answer of yours here.");
    if (earlier.kind === "skip") {
      const taken = await this.#parts.outbox.takeBack(earlier.clientId);
      const rest = this.state.get().past.filter((each) => each !== earlier);
      if (!taken) {
        // It went back to the queue: look at the one before it instead.
        this.state.set({ past: rest });
        this.notify("The skipped task has gone back to the queue.");
        return this.state.get().at === null ? undefined : this.back();
      }
      const queue = [earlier.assignment, ...this.state.get().queue];
      this.state.set({ past: rest, queue, at: null, phase: "open" });
      this.#open(earlier.assignment);
      return this.notify("The skipped task is back.");
    }
    this.state.set({ at: place, notice: null });
    this.#open(earlier.assignment, draftOf(earlier.judgments, this.questions));
  }

  /** Towards the present again. */
  forward(): void {
    const { at, past } = this.state.get();
    if (at === null) return;
    this.hand.keep();
    const next = past.findIndex((each, i) => i > at && each.kind === "answer");
    if (next < 0) return this.toPresent();
    const later = past[next]!;
    this.state.set({ at: next, notice: null });
    this.#open(later.assignment, draftOf(later.judgments, this.questions));
  }

  toPresent(): void {
    if (this.state.get().at === null) return;
    this.hand.keep();
    this.state.set({ at: null, notice: null });
    this.#open(this.state.get().queue[0] ?? null);
    this.#settlePhase();
  }

  /** Answers given before this page was opened, sent or still waiting. */
  async #remember(signal: AbortSignal): Promise<void> {
    const { api, project, outbox, user } = this.#parts;
    let answered: Assignment[] = [];
    try {
      answered = await api.history({ slug: project.slug, limit: 20 }, signal);
    } catch (error) {
      // Undo then reaches back to the start of this page only.
      if (!signal.aborted) console.warn("no earlier answers", error);
    }
    const waiting = outbox.status
      .get()
      .entries.filter((entry) => entry.project === project.slug && entry.user === user);
    const { past: here, at } = this.state.get();
    const past = mergePast({ answered, waiting, here });
    const open = at === null ? null : here[at];
    this.state.set({ past, at: open ? past.indexOf(open) : null });
  }

  notify(text: string): void {
    this.#notices += 1;
    this.state.set({ notice: { text, n: this.#notices } });
  }
}
