/** A value on a scale, of every completion. */
import { t } from "../../strings";
import type { Of } from "../../types";
import {
  base,
  completionAt,
  digitAt,
  ofKind,
  ORDINARY,
  withEntry,
  type Choice,
  type KindOf,
} from "../kind";

/** More points than this do not fit a row: the value is typed. */
const POINTS_SHOWN = 11;

export interface Point {
  value: number;
  label: string;
  short: string;
}

/** The points to press; empty where a range is too fine for that. */
export function pointsOf({ scale }: Of<"rate">): Point[] {
  if (scale.points.length > 0) return scale.points;
  const { min, max, step } = scale;
  if (min == null || max == null || step == null) return [];
  const count = Math.floor((max - min) / step + 1e-6) + 1;
  if (count > POINTS_SHOWN) return [];
  return Array.from({ length: count }, (_, i) => {
    const value = Number((min + i * step).toFixed(6));
    return { value, label: String(value), short: "" };
  });
}

/** In a numeric scale the digit is the value itself, else it counts left to right. */
function keyOf(points: readonly Point[], place: number): string | null {
  const digits = points.every(({ value }) => Number.isInteger(value) && value >= 0);
  const { value } = points[place]!;
  if (digits) return value <= 9 ? String(value) : null;
  return digitAt(place);
}

/** By completion; null says that the criterion does not apply. */
type Answer = Record<string, number | null>;

export const rate: KindOf<"rate", Answer> = {
  ...ORDINARY,
  kind: "rate",
  empty: () => ({}),
  choices({ question, task }, answer, { completion }) {
    const id = completionAt(task, completion)?.id;
    if (!id) return [];
    const points = pointsOf(question);
    const choices = points.map(
      (point, i): Choice<Answer> => ({
        value: String(point.value),
        label:
          point.label === String(point.value)
            ? point.label
            : `${point.value}: ${point.label}`,
        short: point.short,
        key: keyOf(points, i),
        chosen: answer[id] === point.value,
        then: { ...answer, [id]: point.value },
      }),
    );
    if (question.scale.na) {
      choices.push({
        value: "na",
        label: t.rate.notApplicable,
        short: t.rate.na,
        key: "n",
        chosen: answer[id] === null,
        then: { ...answer, [id]: null },
      });
    }
    return choices;
  },
  done({ task }, answer, { completion }) {
    const id = completionAt(task, completion)?.id;
    return id !== undefined && answer[id] !== undefined;
  },
  begun: (answer) => Object.keys(answer).length > 0,
  judgments: ({ question, task }, answer) =>
    task.completions.flatMap(({ id }) => {
      const value = answer[id];
      if (value === undefined) return [];
      const scale = question.scale.id;
      return [{ kind: "rate", completion: id, value, scale, ...base(question) }];
    }),
  draftOf: (_, judgments) =>
    Object.fromEntries(
      ofKind(judgments, "rate").map(({ completion, value }) => [completion, value]),
    ),
};

/** A typed value, if it is on the scale. */
export function typed(
  { scale }: Of<"rate">,
  { answer, completion, text }: { answer: Answer; completion: string; text: string },
): Answer | null {
  if (text.trim() === "") return withEntry<number | null>(answer, completion, undefined);
  const value = Number(text);
  const { min, max, step } = scale;
  if (!Number.isFinite(value) || min == null || max == null) return null;
  if (value < min || value > max) return null;
  const steps = step ? (value - min) / step : 0;
  if (Math.abs(steps - Math.round(steps)) > 1e-6) return null;
  return { ...answer, [completion]: value };
}
