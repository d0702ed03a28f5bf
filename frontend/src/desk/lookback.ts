/** Undo: back to earlier answers and skips, and towards the present again. */
import type { Api } from "../api";
import type { DeskState } from "./state";
import { draftOf, type Draft } from "../form";
import type { Hand } from "./hand";
import type { Outbox } from "../outbox";
import { mergePast } from "./past";
import type { Store } from "../store";
import { t } from "../strings";
import type { Assignment, Project, Question } from "../types";

export interface LookbackParts {
  state: Store<DeskState>;
  hand: Hand<DeskState>;
  api: Pick<Api, "history">;
  outbox: Pick<Outbox, "takeBack" | "status">;
  project: Project;
  user: string;
  open: (task: Assignment | null, fallback?: Draft) => void;
  questionsOf: (task: Assignment) => Question[];
  settlePhase: () => void;
  notify: (text: string) => void;
}

export class Lookback {
  #parts: LookbackParts;

  constructor(parts: LookbackParts) {
    this.#parts = parts;
  }

  get possible(): boolean {
    const { at, past } = this.#parts.state.get();
    return (at ?? past.length) > 0;
  }

  /** Back to the last answer, then the one before it. */
  async back(): Promise<void> {
    const { state, hand, outbox, open, notify } = this.#parts;
    hand.keep();
    const { at, past } = state.get();
    const place = (at ?? past.length) - 1;
    const earlier = past[place];
    if (!earlier) return notify(t.desk.noEarlier);
    if (earlier.kind === "skip") {
      const taken = await outbox.takeBack(earlier.clientId);
      const rest = state.get().past.filter((each) => each !== earlier);
      if (!taken) {
        // It went back to the queue: look at the one before it instead.
        state.set({ past: rest });
        notify(t.desk.skipGone);
        return state.get().at === null ? undefined : this.back();
      }
      const queue = [earlier.assignment, ...state.get().queue];
      state.set({ past: rest, queue, at: null, phase: "open" });
      open(earlier.assignment);
      return notify(t.desk.skipBack);
    }
    this.#show(place);
  }

  /** Towards the present again. */
  forward(): void {
    const { state, hand } = this.#parts;
    const { at, past } = state.get();
    if (at === null) return;
    hand.keep();
    const next = past.findIndex((each, i) => i > at && each.kind === "answer");
    if (next < 0) return this.toPresent();
    this.#show(next);
  }

  toPresent(): void {
    const { state, hand, open, settlePhase } = this.#parts;
    if (state.get().at === null) return;
    hand.keep();
    state.set({ at: null, notice: null });
    open(state.get().queue[0] ?? null);
    settlePhase();
  }

  #show(place: number): void {
    const { state, open, questionsOf } = this.#parts;
    const { assignment, judgments } = state.get().past[place]!;
    state.set({ at: place, notice: null });
    open(assignment, draftOf(judgments, questionsOf(assignment), assignment));
  }

  /** Answers given before this page was opened, sent or still waiting. */
  async remember(signal: AbortSignal): Promise<void> {
    const { api, project, outbox, user, state } = this.#parts;
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
    const { past: here, at } = state.get();
    const past = mergePast({ answered, waiting, here });
    const open = at === null ? null : here[at];
    state.set({ past, at: open ? past.indexOf(open) : null });
  }
}
