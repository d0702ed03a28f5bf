/** What a completion should have said and did not. */
import { t } from "../../strings";
import type { Of, Ref } from "../../types";
import {
  base,
  completionAt,
  digitAt,
  ofKind,
  ORDINARY,
  type Asked,
  type Choice,
  type KindOf,
} from "../kind";

export interface Lack {
  completion: string;
  category: string;
  text: string;
  refs: Ref[];
}

type Answer = Lack[];

function toggled(answer: Answer, completion: string, category: string): Answer {
  const others = answer.filter(
    (each) => each.completion !== completion || each.category !== category,
  );
  if (others.length < answer.length) return others;
  return [...answer, { completion, category, text: "", refs: [] }];
}

/** The first thing that a mark still lacks, in words. */
function lackOf({ question }: Asked<Of<"missing">>, { text, refs }: Lack): string | null {
  if (question.note === "required" && !text.trim()) return t.missing.noteWanted;
  if (question.refs === "required" && refs.length === 0) return t.missing.refWanted;
  return null;
}

export const missing: KindOf<"missing", Answer> = {
  ...ORDINARY,
  kind: "missing",
  empty: () => [],
  choices({ question, task }, answer, { completion }) {
    const id = completionAt(task, completion)?.id;
    if (!id) return [];
    return question.categories.map(
      (category, i): Choice<Answer> => ({
        value: category.id,
        label: category.description
          ? `${category.label}: ${category.description}`
          : category.label,
        short: category.label,
        key: digitAt(i),
        chosen: answer.some(
          (each) => each.completion === id && each.category === category.id,
        ),
        then: toggled(answer, id, category.id),
        stays: true,
      }),
    );
  },
  done: ({ question, task }, answer, { completion }) =>
    !question.required ||
    answer.some((each) => each.completion === completionAt(task, completion)?.id) ||
    answer.length > 0,
  begun: (answer) => answer.length > 0,
  gap(asked, answer) {
    for (const each of answer) {
      const text = lackOf(asked, each);
      const completion = asked.task.completions.findIndex(({ id }) => id === each.completion);
      if (text) return { text, row: "", completion };
    }
    return null;
  },
  judgments: ({ question }, answer) =>
    answer.map(({ completion, category, text, refs }) => ({
      kind: "missing",
      completion,
      category,
      refs,
      text: text.trim() || null,
      ...base(question),
    })),
  draftOf: (_, judgments) =>
    ofKind(judgments, "missing").map(({ completion, category, refs, text }) => ({
      completion,
      category,
      refs: refs ?? [],
      text: text ?? "",
    })),
};
