/** The answer in hand: what is put down for the task on the screen, and where keys go. */
import type { DraftStore } from "../drafts";
import {
  allRows,
  answerTo,
  choicesAt,
  EMPTY_DRAFT,
  firstFocus,
  lackOf,
  nextOpen,
  NOWHERE,
  sameRow,
  stageOf,
  type Draft,
  type Focus,
  type Form,
} from "../form";
import type { Choice, Selection } from "../questions/kind";
import type { Store } from "../store";
import { ActiveTimer } from "../timer";
import type { Assignment, FlagJudgment, Question } from "../types";

export interface HandState {
  draft: Draft;
  /** The cell that digits answer. */
  focus: Focus;
  /** The text that is selected, for a span or as evidence. */
  selection: Selection | null;
  notice: unknown;
}

interface HandParts<S extends HandState> {
  state: Store<S>;
  /** What a task is asked. */
  questions: (task: Assignment) => readonly Question[];
  drafts: DraftStore;
  shown: () => Assignment | null;
  notify: (text: string) => void;
}

/** Steps that undo takes back before it goes to earlier answers. */
const STEPS_KEPT = 100;

function begun({ answers, reasons, ticks, confidence, flags, stage }: Draft): boolean {
  const any = [answers, ticks, confidence].some((each) => Object.keys(each).length > 0);
  return any || stage > 0 || flags.length > 0 || Object.values(reasons).some(Boolean);
}

function same(x: FlagJudgment, y: FlagJudgment): boolean {
  return x.flag === y.flag && x.target === y.target;
}

export class Hand<S extends HandState = HandState> {
  timer = new ActiveTimer();
  #parts: HandParts<S>;
  #steps: Pick<HandState, "draft" | "focus">[] = [];
  #form: Form | null = null;

  constructor(parts: HandParts<S>) {
    this.#parts = parts;
  }

  get draft(): Draft {
    return this.#parts.state.get().draft;
  }

  get focus(): Focus {
    return this.#parts.state.get().focus;
  }

  /** The same object for as long as nothing in it changes. */
  get form(): Form | null {
    const task = this.#parts.shown();
    if (!task) return null;
    const { draft } = this;
    const questions = this.#parts.questions(task);
    const known = this.#form;
    if (known?.task !== task || known.questions !== questions || known.draft !== draft) {
      this.#form = { task, questions, draft };
    }
    return this.#form;
  }

  get complete(): boolean {
    const { form } = this;
    return form !== null && lackOf(form) === null;
  }

  // --- Answering ---------------------------------------------------------

  /** What a key says in the cell under focus. */
  choiceFor(key: string): Choice<Draft> | undefined {
    const { form } = this;
    if (!form) return undefined;
    const { focus, selection } = this.#parts.state.get();
    return choicesAt(form, focus, selection).find((choice) => choice.key === key);
  }

  /** Take a choice; the keys go on to the next open cell. */
  pick(choice: Choice<Draft>, at: Focus = this.focus): void {
    if (choice.refusal) return this.#parts.notify(choice.refusal);
    this.#step();
    this.#edit(choice.then);
    const { form } = this;
    if (!form) return;
    this.#set({ focus: choice.stays ? at : nextOpen(form, at), selection: null });
  }

  /** Put an answer down whole, as its own component made it. */
  put(question: Question, answer: unknown, { typing = false } = {}): void {
    const { form, draft } = this;
    if (!form || question.stage < stageOf(form)) return;
    // Letters are taken back by the field itself.
    if (!typing) this.#step();
    this.#edit({ answers: { ...draft.answers, [question.id]: answer } });
  }

  answer(question: Question): unknown {
    const { form } = this;
    return form && answerTo(form, question);
  }

  setReason(reason: string, question: Question): void {
    this.#edit({ reasons: { ...this.draft.reasons, [question.id]: reason } });
  }

  /** Settle the stage in force and open the next one. */
  openStage(stage: number): void {
    this.#steps = [];
    this.#edit({ stage });
    const { form } = this;
    if (form) this.#set({ focus: firstFocus(form), selection: null });
  }

  /** Take the last step back; false when there is none. */
  undo(): boolean {
    const step = this.#steps.pop();
    if (!step) return false;
    this.#edit({ ...step.draft });
    this.#set({ focus: step.focus, selection: null });
    return true;
  }

  get canUndo(): boolean {
    return this.#steps.length > 0;
  }

  // --- Moving ------------------------------------------------------------

  focusOn(focus: Focus): void {
    this.#set({ focus });
  }

  /** To the next row; rows of other completions keep their own. */
  moveRow(by: 1 | -1): void {
    const { form, focus } = this;
    if (!form) return;
    const rows = allRows(form, focus.completion);
    const at = rows.findIndex((row) => sameRow(row, focus));
    const next = rows[Math.max(0, Math.min(rows.length - 1, at + by))];
    if (next) this.#set({ focus: { ...next, completion: focus.completion }, selection: null });
  }

  /** To a question's first row. */
  focusQuestion(id: string): void {
    const { form, focus } = this;
    if (!form) return;
    const row = allRows(form, focus.completion).find((each) => each.question === id);
    if (row) this.#set({ focus: { ...row, completion: focus.completion }, selection: null });
  }

  moveCompletion(by: number): void {
    this.focusCompletion(this.focus.completion + by);
  }

  focusCompletion(place: number): void {
    const { form, focus } = this;
    if (!form) return;
    const completion = Math.max(0, Math.min(form.task.completions.length - 1, place));
    if (completion === focus.completion) return;
    const rows = allRows(form, completion);
    const row =
      rows.find((each) => sameRow(each, focus)) ??
      rows.find((each) => each.question === focus.question);
    this.#set({ focus: { ...(row ?? focus), completion }, selection: null });
  }

  select(selection: Selection | null): void {
    this.#set({ selection });
  }

  // --- Flags -------------------------------------------------------------

  /** Set a flag, or take it back when it is there already. */
  toggleFlag(flag: FlagJudgment): void {
    const { flags } = this.draft;
    const others = flags.filter((each) => !same(each, flag));
    const had = others.length < flags.length;
    this.#step();
    this.#edit({ flags: had ? others : [...others, flag] });
  }

  noteFlag(flag: FlagJudgment, note: string): void {
    const flags = this.draft.flags.map((each) =>
      same(each, flag) ? { ...each, note } : each,
    );
    this.#edit({ flags });
  }

  // --- The draft ---------------------------------------------------------

  /** Take a task up, with its draft if one was begun. */
  take(assignment: Assignment | null, fallback: Draft = EMPTY_DRAFT): void {
    const stored = assignment && this.#parts.drafts.load(assignment.id);
    const draft = stored ?? fallback;
    this.timer = new ActiveTimer({ total: draft.activeMs });
    if (typeof document === "undefined" || !document.hidden) this.timer.touch();
    this.#steps = [];
    this.#set({ draft, selection: null });
    const { form } = this;
    this.#set({ focus: form ? firstFocus(form) : NOWHERE });
  }

  /** Put a begun draft down, with the time spent on it. */
  keep(): void {
    const shown = this.#parts.shown();
    if (!shown || !begun(this.draft)) return;
    const draft = { ...this.draft, activeMs: this.timer.elapsedMs() };
    this.#parts.drafts.save(shown.id, draft);
  }

  #step(): void {
    const { draft, focus } = this.#parts.state.get();
    this.#steps = [...this.#steps.slice(1 - STEPS_KEPT), { draft, focus }];
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
