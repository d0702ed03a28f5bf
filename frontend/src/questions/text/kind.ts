/** Free text: a rationale, a critique, or an edit that becomes a new completion. */
import { countPoints } from "../../text/codePoints";
import { t } from "../../strings";
import type { Assignment, Of } from "../../types";
import { base, completionAt, ofKind, ORDINARY, type Asked, type KindOf } from "../kind";

/** By completion, or under "task". */
type Answer = Record<string, string>;

/** What an edit starts from: the completion's last message, as written. */
export function originalOf(task: Assignment, place: number): string {
  return completionAt(task, place)?.messages.at(-1)?.content ?? "";
}

export function keyOf({ question, task }: Asked<Of<"text">>, completion: number): string {
  return question.per === "task" ? "task" : (completionAt(task, completion)?.id ?? "");
}

/** The text in the field: an edit begins with the completion itself. */
export function contentOf(asked: Asked<Of<"text">>, answer: Answer, completion: number): string {
  const written = answer[keyOf(asked, completion)];
  if (written !== undefined) return written;
  return asked.question.role === "edit" ? originalOf(asked.task, completion) : "";
}

/** What keeps a text from counting, in words. */
export function shortfall(
  asked: Asked<Of<"text">>,
  answer: Answer,
  completion: number,
): string | null {
  const { min_chars, max_chars, role } = asked.question;
  const content = contentOf(asked, answer, completion).trim();
  const length = countPoints(content);
  if (role === "edit" && content === originalOf(asked.task, completion).trim()) {
    return t.text.unchanged;
  }
  if (length === 0) return t.text.wanted;
  if (length < min_chars) return t.text.tooShort(min_chars, length);
  if (max_chars != null && length > max_chars) return t.text.tooLong(max_chars, length);
  return null;
}

export const text: KindOf<"text", Answer> = {
  ...ORDINARY,
  kind: "text",
  each: ({ per }) => per === "completion",
  empty: () => ({}),
  choices: () => [],
  done: (asked, answer, { completion }) =>
    (!asked.question.required && answer[keyOf(asked, completion)] === undefined) ||
    shortfall(asked, answer, completion) === null,
  begun: (answer) => Object.values(answer).some((each) => each.trim() !== ""),
  gap(asked, answer) {
    const { task, question } = asked;
    for (const [completion, { id }] of task.completions.entries()) {
      const key = question.per === "task" ? "task" : id;
      const untouched = !answer[key]?.trim() || answer[key] === originalOf(task, completion);
      const found = shortfall(asked, answer, completion);
      if (found && !untouched) return { text: found, row: "", completion };
    }
    return null;
  },
  judgments(asked, answer) {
    const { question, task } = asked;
    const places = question.per === "task" ? [0] : task.completions.map((_, i) => i);
    return places.flatMap((place) => {
      const content = answer[keyOf(asked, place)]?.trim();
      const same = question.role === "edit" && content === originalOf(task, place).trim();
      if (!content || same) return [];
      const completion = question.per === "task" ? null : task.completions[place]!.id;
      return [{ kind: "text", role: question.role, completion, content, ...base(question) }];
    });
  },
  draftOf: (_, judgments) =>
    Object.fromEntries(
      ofKind(judgments, "text").map(({ completion, content }) => [
        completion ?? "task",
        content,
      ]),
    ),
};
