/** The options of one compare question, as a row of buttons. */
import type { KeyboardEvent } from "react";
import { choose } from "../actions";
import { keepFocus, KeyCap } from "../components/ActionButton";
import { useWorkspace } from "../components/workspace";
import { optionsOf, type Option } from "../judgments";
import type { Question } from "../types";

/** How strong an option is, drawn small: ••• A, =, B •••. */
function Glyph({ option }: { option: Option }) {
  const dots = "•".repeat(Math.min(3, option.strength ?? 0));
  if (option.outcome === "tie") return <span className="glyph">=</span>;
  if (option.outcome === "a") {
    return (
      <span className="glyph">
        A<i>{dots}</i>
      </span>
    );
  }
  if (option.outcome === "b") {
    return (
      <span className="glyph">
        <i>{dots}</i>B
      </span>
    );
  }
  return <span className="glyph">✕</span>;
}

interface Props {
  question: Question;
  place: number;
  /** One of several questions: drawn compact, with its text beside it. */
  stacked: boolean;
}

export function Scale({ question, place, stacked }: Props) {
  const { workspace, desk } = useWorkspace();
  const options = optionsOf(question);
  const chosen = desk.draft.choices[question.id];
  const focused = desk.question === place;
  const idle = desk.phase === "loading" || workspace.desk.shown === null;

  const pick = (value: string): void => {
    workspace.desk.hand.focusQuestion(place);
    choose(workspace, value);
  };

  // Arrow keys move among the options, as in any group of radio buttons.
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>): void => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === " " && event.target instanceof HTMLElement) {
      event.preventDefault();
      event.target.click();
      return;
    }
    if (by === undefined) return;
    event.preventDefault();
    const at = options.findIndex((option) => option.value === chosen);
    const next = options[Math.max(0, Math.min(options.length - 1, at + by))];
    if (!next) return;
    workspace.desk.hand.focusQuestion(place);
    workspace.desk.hand.choose(next.value);
    const buttons = event.currentTarget.querySelectorAll<HTMLElement>("[role=radio]");
    buttons[options.indexOf(next)]?.focus();
  };

  return (
    <div
      className="scale"
      role="radiogroup"
      aria-label={question.text}
      data-focused={stacked && focused}
      onKeyDown={onKeyDown}
    >
      {stacked && <span className="scale-name">{question.criterion ?? question.text}</span>}
      {options.map((option, i) => (
        <button
          key={option.value}
          type="button"
          role="radio"
          className={`option ${option.outcome}`}
          data-strength={option.strength ?? 0}
          aria-checked={chosen === option.value}
          aria-label={option.label}
          aria-keyshortcuts={option.digit}
          title={`${option.label} (${option.digit})`}
          disabled={idle}
          tabIndex={chosen === option.value || (!chosen && i === 0) ? 0 : -1}
          onMouseDown={keepFocus}
          onClick={() => pick(option.value)}
        >
          <Glyph option={option} />
          <span className="short">{option.short}</span>
          {(!stacked || focused) && <KeyCap keys={option.digit} />}
        </button>
      ))}
    </div>
  );
}
