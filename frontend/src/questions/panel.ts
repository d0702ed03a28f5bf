/** What the component of a question kind is given, and how it reads its answer. */
import { useForm, useWorkspace } from "../components/workspace";
import { answerTo } from "../form";
import type { Assignment, Question } from "../types";

export interface PanelProps<Q extends Question> {
  question: Q;
  /** The only question there is: its text stands above already. */
  alone: boolean;
}

/** The answer to a question as its kind keeps it, and how to put another down. */
export function useAnswer<A>(question: Question) {
  const { workspace, desk } = useWorkspace();
  const form = useForm();
  const { hand } = workspace.desk;
  return {
    task: form?.task as Assignment,
    answer: (form ? answerTo(form, question) : undefined) as A,
    put: (answer: A, how?: { typing?: boolean }) => hand.put(question, answer, how),
    completion: desk.focus.completion,
    focus: (completion: number, row = "") =>
      hand.focusOn({ question: question.id, part: "answer", row, completion }),
  };
}
