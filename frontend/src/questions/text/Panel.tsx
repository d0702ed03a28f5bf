/** A field that grows; an edit shows at once what it changes. */
import { useLayoutEffect, useMemo, useRef, useState } from "react";
import { t } from "../../strings";
import { countPoints } from "../../text/codePoints";
import { difference } from "../../text/difference";
import type { Of } from "../../types";
import { useAnswer, type PanelProps } from "../panel";
import { contentOf, keyOf, originalOf } from "./kind";

type Answer = Record<string, string>;

/** The words that were taken out and put in, as one text. */
function Changes({ before, after }: { before: string; after: string }) {
  const parts = useMemo(() => difference(before, after), [before, after]);
  if (before === after) return <p className="quiet">{t.text.unchanged}</p>;
  if (!parts) return <p className="quiet">{t.read.tooDifferent}</p>;
  return (
    <div className="as-written" dir="auto">
      {parts.map((part, i) => {
        if (part.in === "both") return <span key={i}>{part.text}</span>;
        return part.in === "a" ? (
          <del key={i}>{part.text}</del>
        ) : (
          <ins key={i}>{part.text}</ins>
        );
      })}
    </div>
  );
}

function Field({ question, completion }: { question: Of<"text">; completion: number }) {
  const { answer, put, task, focus } = useAnswer<Answer>(question);
  const asked = { question, task };
  const content = contentOf(asked, answer, completion);
  const field = useRef<HTMLTextAreaElement>(null);
  const [here, setHere] = useState(false);
  const edit = question.role === "edit";
  const label = task.completions[completion]?.label ?? "";
  const about = question.per === "completion" ? `, ${t.completion(label)}` : "";

  // Grows with the text, up to the height that the style sheet allows.
  useLayoutEffect(() => {
    const box = field.current;
    if (!box) return;
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight + 2}px`;
  }, [content]);

  const length = countPoints(content.trim());
  return (
    <div className={edit ? "writing edit" : "writing"}>
      <div className="write">
        <textarea
          ref={field}
          dir="auto"
          rows={edit ? 4 : 2}
          data-write={question.id}
          data-completion={question.per === "task" ? 0 : completion}
          aria-label={question.text + about}
          placeholder={t.text.placeholder[question.role]}
          value={content}
          onFocus={() => {
            setHere(true);
            focus(completion);
          }}
          onBlur={() => setHere(false)}
          onChange={(event) =>
            put({ ...answer, [keyOf(asked, completion)]: event.target.value }, { typing: true })
          }
        />
        {question.min_chars > 0 && length < question.min_chars && (
          <p className="quiet count" aria-live={here ? "polite" : "off"}>
            {t.text.more(question.min_chars - length)}
          </p>
        )}
      </div>
      {edit && (
        <div className="changes" role="region" tabIndex={0} aria-label={t.text.changes}>
          <Changes before={originalOf(task, completion)} after={content} />
        </div>
      )}
    </div>
  );
}

export function TextPanel({ question }: PanelProps<Of<"text">>) {
  const { task } = useAnswer<Answer>(question);
  if (question.per === "task") return <Field question={question} completion={0} />;
  const lettered = task.completions.length > 1;
  return (
    <div className="cell-row" data-count={question.role === "edit" ? 1 : task.completions.length}>
      {task.completions.map(({ id, label }, completion) => (
        <div key={id} className="cell">
          {lettered && (
            <span className="letter" aria-hidden="true">
              {label}
            </span>
          )}
          <Field question={question} completion={completion} />
        </div>
      ))}
    </div>
  );
}
