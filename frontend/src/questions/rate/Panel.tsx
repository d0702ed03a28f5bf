/** One row a criterion and completion; what the points mean is told on first use. */
import { useState } from "react";
import { useForm } from "../../components/workspace";
import { t } from "../../strings";
import type { Of } from "../../types";
import { CellRow } from "../Choices";
import { useAnswer, type PanelProps } from "../panel";
import { pointsOf, typed } from "./kind";

const SEEN = "hone.anchors";

/** Whether this scale's anchors have been shown in full before, in this browser. */
function firstUse(scale: string): boolean {
  try {
    const seen = new Set((localStorage.getItem(SEEN) ?? "").split(" "));
    if (seen.has(scale)) return false;
    localStorage.setItem(SEEN, [...seen, scale].filter(Boolean).join(" "));
  } catch {
    // No storage: told each time.
  }
  return true;
}

function Value({ question, completion }: { question: Of<"rate">; completion: number }) {
  const { answer, put, task, focus } = useAnswer<Record<string, number | null>>(question);
  const id = task.completions[completion]!.id;
  const kept = answer[id];
  const [text, setText] = useState(kept == null ? "" : String(kept));
  const [wrong, setWrong] = useState(false);
  const { min, max, step } = question.scale;
  return (
    <input
      type="number"
      className="value"
      data-write={question.id}
      data-completion={completion}
      aria-label={`${question.criterion ?? question.text}, ${t.completion(task.completions[completion]!.label)}`}
      aria-invalid={wrong}
      placeholder={`${min} – ${max}`}
      min={min ?? undefined}
      max={max ?? undefined}
      step={step ?? "any"}
      value={text}
      onFocus={() => focus(completion)}
      onChange={(event) => {
        setText(event.target.value);
        const next = typed(question, { answer, completion: id, text: event.target.value });
        setWrong(next === null);
        if (next) put(next, { typing: true });
      }}
    />
  );
}

export function RatePanel({ question }: PanelProps<Of<"rate">>) {
  const form = useForm();
  const [told, setTold] = useState(() => firstUse(question.scale.id));
  if (!form) return null;
  const points = pointsOf(question);
  const worded = points.filter((point) => point.label !== String(point.value));
  return (
    <>
      <CellRow
        question={question.id}
        row=""
        each
        name={question.criterion ?? question.text}
        draw={(choice) =>
          choice.value === "na" ? (
            <span className="short">{choice.short}</span>
          ) : (
            <>
              <span className="glyph">{choice.value}</span>
              {choice.short && !/^[\d.-]+$/.test(choice.short) && (
                <span className="short">{choice.short}</span>
              )}
            </>
          )
        }
        beside={(completion) =>
          points.length === 0 ? (
            <Value key={form.task.id} question={question} completion={completion} />
          ) : null
        }
      />
      {worded.length > 0 && (
        <details className="anchors" open={told} onToggle={(e) => setTold(e.currentTarget.open)}>
          <summary>{t.rate.anchors}</summary>
          <ol>
            {worded.map((point) => (
              <li key={point.value}>
                <b>{point.value}</b> {point.label}
              </li>
            ))}
          </ol>
        </details>
      )}
    </>
  );
}
