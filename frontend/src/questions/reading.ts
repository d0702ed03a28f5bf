/** How a task's completions lie on the screen: panes or cards, rendered or as written. */
import type { View } from "../actions/action";
import { shownOf, type Form } from "../form";

/** Cards in a column: more than two completions, or an order to be made of them. */
export function inCards({ task, questions }: Pick<Form, "task" | "questions">): boolean {
  return task.completions.length > 2 || questions.some(({ kind }) => kind === "rank");
}

/** Whether the source is shown: what is marked is the text as written. */
export function sourceShown(form: Form, { reading, mode }: Pick<View, "reading" | "mode">): boolean {
  if (mode === "select") return true;
  if (reading !== "auto") return reading === "source";
  return shownOf(form).some(
    (question) => question.kind === "span" && question.target === "completion",
  );
}
