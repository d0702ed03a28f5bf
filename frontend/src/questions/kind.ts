/**
 * What a kind of question knows how to do. One module a kind fills this in, `kinds.ts`
 * collects them, and desk and hand know nothing else of any kind.
 *
 * An answer is plain JSON, so that it can be a draft on the disk. The form is a grid:
 * a question has rows (principles, steps; mostly one), and where it is asked of every
 * completion, a cell for each. Keys speak to the cell under focus.
 */
import type { Assignment, Completion, Judgment, Of, Question, QuestionKind } from "../types";

/** A question, put to a person with a task. */
export interface Asked<Q extends Question = Question> {
  question: Q;
  task: Assignment;
}

export type TextTarget = "completion" | "prompt" | "passage";

/** A stretch of text that is selected, in code points of the text as written. */
export interface Selection {
  target: TextTarget;
  completion: string | null;
  passage: string | null;
  message: number;
  start: number;
  end: number;
}

export interface Cell {
  row: string;
  /** The completion's place; questions that are asked once look away. */
  completion: number;
  selection: Selection | null;
}

/** One thing to press, by its key or by its button. */
export interface Choice<A> {
  value: string;
  label: string;
  short: string;
  /** A digit or a letter; null past the tenth. */
  key: string | null;
  chosen: boolean;
  /** The answer once this is chosen. */
  then: A;
  /** Several may be chosen: the focus stays where it is. */
  stays?: boolean;
  /** Why it cannot be chosen now. */
  refusal?: string;
}

/** What keeps an answer from being whole, and where. */
export interface Gap {
  text: string;
  row: string;
  completion: number;
}

export interface Kind<Q extends Question = Question, A = unknown> {
  readonly kind: Q["kind"];
  /** Whether this task can be asked this question. */
  fits(task: Assignment): boolean;
  /** Asked of every completion, one after the other. */
  each(question: Q): boolean;
  empty(asked: Asked<Q>): A;
  rows(asked: Asked<Q>, answer: A, completion: number): string[];
  choices(asked: Asked<Q>, answer: A, cell: Cell): Choice<A>[];
  /** Whether the cell needs no more. */
  done(asked: Asked<Q>, answer: A, cell: Cell): boolean;
  begun(answer: A): boolean;
  /** What is missing beyond cells that are not done. */
  gap(asked: Asked<Q>, answer: A): Gap | null;
  judgments(asked: Asked<Q>, answer: A): Judgment[];
  /** The inverse of `judgments`. */
  draftOf(asked: Asked<Q>, judgments: readonly Judgment[]): A;
}

export type KindOf<K extends QuestionKind, A> = Kind<Of<K>, A>;

/** What most kinds have in common. */
export const ORDINARY = {
  fits: (task: Assignment): boolean => task.completions.length > 0,
  each: (): boolean => true,
  rows: (): string[] => [""],
  gap: (): Gap | null => null,
};

const DIGITS = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];

/** The key of a choice, left to right. */
export function digitAt(place: number): string | null {
  return DIGITS[place] ?? null;
}

/** What every judgment that answers a question carries. */
export function base(question: Question) {
  return {
    question: question.id,
    criterion: question.criterion ?? null,
    confidence: null,
    reasons: [] as string[],
    targets: [] as number[],
  };
}

export function completionAt(task: Assignment, place: number): Completion | undefined {
  return task.completions[place];
}

export function placeOf(task: Assignment, id: string): number {
  return task.completions.findIndex((each) => each.id === id);
}

/** Judgments of one kind, typed as such. */
export function ofKind<K extends Judgment["kind"]>(
  judgments: readonly Judgment[],
  kind: K,
): Extract<Judgment, { kind: K }>[] {
  return judgments.filter(
    (each): each is Extract<Judgment, { kind: K }> => each.kind === kind,
  );
}

/** A record with one entry changed, or left out when the value is undefined. */
export function withEntry<T>(
  record: Readonly<Record<string, T>>,
  key: string,
  value: T | undefined,
): Record<string, T> {
  const { [key]: _, ...rest } = record;
  return value === undefined ? rest : { ...rest, [key]: value };
}
