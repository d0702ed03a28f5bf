/** What is not there: categories by completion, each with words and places. */
import { t } from "../../strings";
import type { Of } from "../../types";
import { CellRow } from "../Choices";
import { useAnswer, type PanelProps } from "../panel";
import { Refs } from "../Refs";
import type { Lack } from "./kind";

export function MissingPanel({ question }: PanelProps<Of<"missing">>) {
  const { answer, put, task } = useAnswer<Lack[]>(question);
  const nameOf = (lack: Lack): string => {
    const category = question.categories.find((each) => each.id === lack.category);
    const place = task.completions.find((each) => each.id === lack.completion);
    const label = category?.label ?? lack.category;
    return task.completions.length > 1 ? `${place?.label ?? ""} · ${label}` : label;
  };
  const details = question.note !== "off" || question.refs !== "off";
  return (
    <>
      <CellRow question={question.id} row="" each name={question.text} />
      {details && answer.length > 0 && (
        <ul className="marks">
          {answer.map((lack, i) => (
            <li key={`${lack.completion} ${lack.category}`} className="mark-line">
              <b>{nameOf(lack)}</b>
              {question.note !== "off" && (
                <input
                  dir="auto"
                  data-write={question.id}
                  data-completion={task.completions.findIndex(({ id }) => id === lack.completion)}
                  aria-label={t.missing.note(nameOf(lack))}
                  placeholder={
                    question.note === "required" ? t.missing.noteWanted : t.missing.noteHelps
                  }
                  value={lack.text}
                  onChange={(event) =>
                    put(answer.with(i, { ...lack, text: event.target.value }), { typing: true })
                  }
                />
              )}
              {question.refs !== "off" && (
                <Refs
                  task={task}
                  refs={lack.refs}
                  earlier={[]}
                  onChange={(refs) => put(answer.with(i, { ...lack, refs }))}
                />
              )}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
