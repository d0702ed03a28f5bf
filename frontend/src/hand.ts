/** The answer in hand: choices, reason and flags of the task on the screen. */
import type { DraftStore } from "./drafts";
import { EMPTY_DRAFT, lackOf, type Draft } from "./judgments";
import type { Store } from "./store";
import { ActiveTimer } from "./timer";
import type { Assignment, FlagJudgment, Question } from "./types";

export interface HandState {
  draft: Draft;
  /** The place of the question that digits answer. */
  question: number;
  notice: unknown;
}

interface HandParts<S extends HandState> {
  state: Store<S>;
  questions: readonly Question[];
  drafts: DraftStore;
  shown: () => Assignment | null;
}

function begun(draft: Draft): boolean {
  const { choices, reason, flags } = draft;
  return Object.keys(choices).length > 0 || reason !== "" || flags.length > 0;
}

function same(x: FlagJudgment, y: FlagJudgment): boolean {
  return x.flag === y.flag && x.target === y.target;
}

export class Hand<S extends HandState = HandState> {
  timer = new ActiveTimer();
  #parts: HandParts<S>;

  constructor(parts: HandParts<S>) {
    this.#parts = parts;
  }

  get draft(): Draft {
    return this.#parts.state.get().draft;
  }

  get complete(): boolean {
    const { shown, questions } = this.#parts;
    return shown() !== null && lackOf(this.draft, questions) === null;
  }

  choose(value: string): void {
    const { state, questions } = this.#parts;
    const question = questions[state.get().question];
    if (!question) return;
    this.#edit({ choices: { ...this.draft.choices, [question.id]: value } });
    const next = questions.findIndex((each) => !this.draft.choices[each.id]);
    if (next >= 0) this.focusQuestion(next);
  }

  focusQuestion(place: number): void {
    const last = this.#parts.questions.length - 1;
    this.#set({ question: Math.max(0, Math.min(last, place)) });
  }

  setReason(reason: string): void {
    this.#edit({ reason });
  }

  /** Set a flag, or take it back when it is there already. */
  toggleFlag(flag: FlagJudgment): void {
    const { flags } = this.draft;
    const others = flags.filter((each) => !same(each, flag));
    const had = others.length < flags.length;
    this.#edit({ flags: had ? others : [...others, flag] });
  }

  noteFlag(flag: FlagJudgment, note: string): void {
    const flags = this.draft.flags.map((each) =>
      same(each, flag) ? { ...each, note } : each,
    );
    this.#edit({ flags });
  }

  /** Take a task up, with its draft if one was begun. */
  take(assignment: Assignment | null, fallback: Draft = EMPTY_DRAFT): void {
    const stored = assignment && this.#parts.drafts.load(assignment.id);
    const draft = stored ?? fallback;
    this.timer = new ActiveTimer({ total: draft.activeMs });
    if (typeof document === "undefined" || !document.hidden) this.timer.touch();
    this.#set({ draft, question: 0 });
  }

  /** Put a begun draft down, with the time spent on it. */
  keep(): void {
    const shown = this.#parts.shown();
    if (!shown || !begun(this.draft)) return;
    const draft = { ...this.draft, activeMs: this.timer.elapsedMs() };
    this.#parts.drafts.save(shown.id, draft);
  }

  #edit(change: Partial<Draft>): void {
    if (!this.#parts.shown()) return;
    this.#set({ draft: { ...this.draft, ...change }, notice: null });
    this.keep();
  }

  #set(change: Partial<HandState>): void {
    this.#parts.state.set(change as Partial<S>);
  }
}
