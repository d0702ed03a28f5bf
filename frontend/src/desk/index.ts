/**
 * One person's desk in one project: the task in front, the next ones leased
 * ahead, the answers given before, and the draft. Knows no view library.
 */
import { askedOf, EMPTY_DRAFT, type Draft, type Form } from "../form";
import { Store } from "../store";
import type { Assignment, Question } from "../types";
import { Hand } from "./hand";
import { Lookback } from "./lookback";
import type { Past } from "./past";
import { emptyDesk, type DeskParts, type DeskState } from "./state";
import { Submitting } from "./submitting";
import { Supply } from "./supply";

export type { DeskParts, DeskState } from "./state";

export class Desk {
  readonly state: Store<DeskState>;
  readonly hand: Hand<DeskState>;
  readonly lookback: Lookback;

  #parts: DeskParts;
  #supply: Supply;
  #submitting: Submitting;
  #asked = new WeakMap<Assignment, { of: readonly Question[]; asked: Question[] }>();
  #stop: (() => void)[] = [];
  #notices = 0;

  constructor(parts: DeskParts) {
    this.#parts = parts;
    this.state = new Store<DeskState>(emptyDesk(parts.project));
    const shared = {
      ...parts,
      state: this.state,
      shown: () => this.shown,
      notify: (text: string) => this.notify(text),
    };
    this.hand = new Hand({ ...shared, questions: (task) => this.questionsOf(task) });
    this.#supply = new Supply({ ...shared, open: (task) => this.#open(task) });
    this.lookback = new Lookback({
      ...shared,
      hand: this.hand,
      open: (task, fallback) => this.#open(task, fallback),
      questionsOf: (task) => this.questionsOf(task),
      settlePhase: () => this.#supply.settlePhase(),
    });
    this.#submitting = new Submitting({
      ...shared,
      hand: this.hand,
      lookback: this.lookback,
      leave: (done) => this.#leave(done),
    });
  }

  /** The project's name in addresses. */
  get slug(): string {
    return this.#parts.project.slug;
  }

  /** The task on the screen: the one in front, or one being corrected. */
  get shown(): Assignment | null {
    const { at, past, queue } = this.state.get();
    return (at === null ? queue[0] : past[at]?.assignment) ?? null;
  }

  /** What a task is asked: the questions of its own protocol version that fit it. */
  questionsOf(task: Assignment): Question[] {
    const of = this.state.get().protocols[task.protocol_version] ?? [];
    const known = this.#asked.get(task);
    if (known?.of === of) return known.asked;
    const asked = askedOf(of, task);
    this.#asked.set(task, { of, asked });
    return asked;
  }

  /** What the task on the screen is asked. */
  get questions(): Question[] {
    const { shown } = this;
    return shown ? this.questionsOf(shown) : [];
  }

  /** The form of a task that waits behind the one on the screen. */
  formAhead(task: Assignment): Form {
    const draft = this.#parts.drafts.load(task.id) ?? EMPTY_DRAFT;
    return { task, questions: this.questionsOf(task), draft };
  }

  start(): void {
    const { outbox, project } = this.#parts;
    this.#stop.push(
      outbox.onAcknowledged((entry, receipt) => {
        const past = this.state
          .get()
          .past.map((each) =>
            each.clientId === entry.client_id
              ? { ...each, feedbackId: receipt?.feedback_id ?? null }
              : each,
          );
        this.state.set({ past });
        if (receipt && entry.project === project.slug) {
          this.state.set({ progress: receipt.progress });
        }
        // With the last answer stored, the server may know that all is done.
        const { offline, queue } = this.state.get();
        if (offline || queue.length === 0) void this.refill();
      }),
    );
    void this.lookback.remember(this.#supply.start());
  }

  stop(): void {
    this.hand.keep();
    this.#supply.stop();
    for (const stop of this.#stop) stop();
    this.#stop = [];
  }

  /** The person pressed, moved or scrolled. */
  touch(): void {
    this.#supply.touch();
    this.hand.timer.touch();
  }

  /** The page was hidden: stop the clock and put the time down. */
  hide(): void {
    this.hand.timer.pause();
    this.hand.keep();
  }

  /** Ask for tasks now. */
  refill(): Promise<void> {
    return this.#supply.refill();
  }

  /** Accept the answer and go on. The answer is on the disk first. */
  accept(): Promise<void> {
    return this.#submitting.accept();
  }

  /** Skip the task in front; undo takes it back for a few seconds. */
  skip(reason: string): Promise<void> {
    return this.#submitting.skip(reason);
  }

  /** Take the last step on this task back, then go to the answers before it. */
  async undo(): Promise<void> {
    if (!this.hand.undo()) await this.lookback.back();
  }

  get canUndo(): boolean {
    return this.hand.canUndo || this.lookback.possible;
  }

  notify(text: string): void {
    this.#notices += 1;
    this.state.set({ notice: { text, n: this.#notices } });
  }

  #leave(done: Past): void {
    const { past, queue } = this.state.get();
    const rest = queue.filter((each) => each.id !== done.assignment.id);
    this.state.set({ past: [...past, done], queue: rest, notice: null });
    this.#open(rest[0] ?? null);
    this.#supply.settlePhase();
    this.#supply.topUp();
  }

  /** Lay a task on the desk. */
  #open(assignment: Assignment | null, fallback?: Draft): void {
    this.hand.take(assignment, fallback);
    if (assignment && this.state.get().at === null) {
      this.#parts.memory?.setItem(this.#supply.frontKey, String(assignment.id));
    }
  }
}
