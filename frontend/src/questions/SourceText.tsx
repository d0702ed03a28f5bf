/** A text as it was written, with what is marked in it underlined and lettered. */
import { useMemo, type ReactNode } from "react";
import { useForm, useWorkspace } from "../components/workspace";
import { answerTo, questionAt, shownOf, type Form } from "../form";
import { unitAt } from "../text/codePoints";
import type { Selection } from "./kind";
import { cellKey, type PrincipleAnswer } from "./principle/kind";
import { lettersOf, sameText, type SpanAnswer } from "./span/kind";

interface Line {
  start: number;
  end: number;
  className: string;
  letter: string;
  title: string;
}

type Place = Omit<Selection, "start" | "end">;

/** Spans of every question, in code points. */
function spanLines(form: Form, place: Place): Line[] {
  return shownOf(form).flatMap((question) => {
    if (question.kind !== "span") return [];
    const letters = lettersOf(question.categories);
    const { marks, at } = answerTo(form, question) as SpanAnswer;
    return marks.flatMap((mark, i) => {
      if (!sameText(mark, { ...place, start: 0, end: 0 })) return [];
      const category = question.categories.findIndex((each) => each.id === mark.category);
      return [
        {
          start: mark.start,
          end: mark.end,
          className: `span c${category % 8}${at === i ? " current" : ""}`,
          letter: letters.get(mark.category) ?? "",
          title: question.categories[category]?.label ?? mark.category,
        },
      ];
    });
  });
}

/** Evidence for the principle in focus. */
function evidenceLines(form: Form, place: Place, focus: ReturnType<typeof useWorkspace>["desk"]["focus"]): Line[] {
  const question = questionAt(form, focus);
  const shown = form.task.completions[focus.completion];
  if (question?.kind !== "principle" || shown?.id !== place.completion) return [];
  const { evidence } = answerTo(form, question) as PrincipleAnswer;
  return (evidence[cellKey(form.task, focus)] ?? [])
    .filter((each) => each.message === place.message)
    .map(({ start, end }) => ({ start, end, className: "span evidence", letter: "", title: "" }));
}

/** The text in pieces, each inside of the lines that cover it. */
function drawn(text: string, lines: readonly Line[]): ReactNode[] {
  const placed = lines.map((line) => ({
    ...line,
    start: unitAt(text, line.start),
    end: unitAt(text, line.end),
  }));
  const cuts = new Set([0, text.length]);
  for (const { start, end } of placed) cuts.add(start).add(end);
  const edges = [...cuts].sort((x, y) => x - y);
  return edges.slice(0, -1).map((from, i) => {
    const to = edges[i + 1]!;
    const covering = placed.filter((line) => line.start <= from && line.end >= to);
    return covering.reduce<ReactNode>(
      (inner, line, depth) => (
        <mark
          key={`${from} ${depth}`}
          className={`${line.className} depth-${Math.min(depth, 3)}`}
          data-letter={line.start === from && line.letter ? line.letter : undefined}
          title={line.title || undefined}
        >
          {inner}
        </mark>
      ),
      text.slice(from, to),
    );
  });
}

interface Props {
  text: string;
  place: Place;
}

export function SourceText({ text, place }: Props) {
  const { desk } = useWorkspace();
  const form = useForm();
  const { selection, focus } = desk;
  const lines = useMemo(() => {
    if (!form) return [];
    const found = [...spanLines(form, place), ...evidenceLines(form, place, focus)];
    if (selection && sameText(selection, { ...place, start: 0, end: 0 })) {
      const { start, end } = selection;
      found.push({ start, end, className: "selecting", letter: "", title: "" });
    }
    return found;
    // The draft is what makes a form differ.
  }, [form?.draft, form?.task, selection, focus, place]);
  return (
    <div
      className="as-written source"
      dir="auto"
      data-source=""
      data-target={place.target}
      data-completion={place.completion ?? undefined}
      data-passage={place.passage ?? undefined}
      data-message={place.message}
    >
      {drawn(text, lines)}
    </div>
  );
}
