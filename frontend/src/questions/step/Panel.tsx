/** Each step of the completion in focus, with its label. */
import { t } from "../../strings";
import type { Of } from "../../types";
import { Choices } from "../Choices";
import { useAnswer, type PanelProps } from "../panel";
import { stepsOf } from "./kind";

export function StepPanel({ question }: PanelProps<Of<"step">>) {
  const { task, completion } = useAnswer(question);
  const label = task.completions[completion]?.label ?? "";
  return (
    <ol className="steps" aria-label={t.step.of(label)}>
      {stepsOf(task, completion).map((content, i) => (
        <li key={i}>
          <p className="excerpt" dir="auto">
            <b>{i + 1}</b> {content}
          </p>
          <Choices
            at={{ question: question.id, part: "answer", row: String(i), completion }}
            name={t.step.nth(i + 1)}
          />
        </li>
      ))}
    </ol>
  );
}
