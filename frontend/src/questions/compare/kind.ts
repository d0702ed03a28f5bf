/** Which of two completions is better; with more than two, every pair is asked. */
import { t } from "../../strings";
import type { Assignment, CompareJudgment, Of } from "../../types";
import { base, digitAt, ofKind, ORDINARY, type Choice, type KindOf } from "../kind";

export interface Option {
  value: string;
  label: string;
  short: string;
  outcome: CompareJudgment["outcome"];
  strength: number | null;
  key: string | null;
}

/** The options of a compare question, left to right, then those that take no side. */
export function optionsOf({ scale }: Of<"compare">): Option[] {
  const options: Option[] = scale.options.map((option, i) => ({
    value: option.value,
    label: option.label,
    short: option.short,
    outcome: option.outcome,
    strength: option.strength,
    key: digitAt(i),
  }));
  const beside = { strength: null };
  if (scale.unsure) {
    const key = digitAt(options.length);
    const { unsure: label, unsureShort: short } = t.compare;
    options.push({ ...beside, value: "unsure", outcome: "unsure", label, short, key });
  }
  if (scale.both_bad) {
    const { bothBad: label, bothBadShort: short } = t.compare;
    options.push({ ...beside, value: "both_bad", outcome: "both_bad", label, short, key: "0" });
  }
  return options;
}

/** The two places that a row compares, such as 0 and 1 for "0-1". */
export function sidesOf(row: string): [number, number] {
  const [a = 0, b = 1] = row.split("-").map(Number);
  return [a, b];
}

function pairs(task: Assignment): string[] {
  const places = task.completions.map((_, place) => place);
  return places.flatMap((a) => places.slice(a + 1).map((b) => `${a}-${b}`));
}

/** The chosen option's value, by pair of places. */
type Answer = Record<string, string>;

export const compare: KindOf<"compare", Answer> = {
  ...ORDINARY,
  kind: "compare",
  fits: (task) => task.completions.length >= 2,
  each: () => false,
  empty: () => ({}),
  rows: ({ task }) => pairs(task),
  choices: ({ question }, answer, { row }) =>
    optionsOf(question).map(
      ({ value, label, short, key }): Choice<Answer> => ({
        value,
        label,
        short,
        key,
        chosen: answer[row] === value,
        then: { ...answer, [row]: value },
      }),
    ),
  done: (_, answer, { row }) => answer[row] !== undefined,
  begun: (answer) => Object.keys(answer).length > 0,
  judgments({ question, task }, answer) {
    return pairs(task).flatMap((row) => {
      const option = optionsOf(question).find((each) => each.value === answer[row]);
      const [a, b] = sidesOf(row).map((place) => task.completions[place]!.id);
      if (!option || !a || !b) return [];
      const { outcome, strength } = option;
      const scale = question.scale.id;
      return [{ kind: "compare", a, b, outcome, strength, scale, ...base(question) }];
    });
  },
  draftOf({ question, task }, judgments) {
    const answer: Answer = {};
    const ids = task.completions.map((each) => each.id);
    for (const { a, b, outcome, strength } of ofKind(judgments, "compare")) {
      const option = optionsOf(question).find(
        (each) =>
          each.outcome === outcome &&
          (each.strength === null || each.strength === (strength ?? 0)),
      );
      if (option) answer[`${ids.indexOf(a)}-${ids.indexOf(b)}`] = option.value;
    }
    return answer;
  },
};
