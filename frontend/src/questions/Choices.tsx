/** What there is to press in one cell, as buttons with their keys. */
import type { KeyboardEvent, ReactNode } from "react";
import { choose } from "../actions/answering";
import { keepFocus, KeyCap } from "../components/ActionButton";
import { useForm, useWorkspace } from "../components/workspace";
import { choicesAt, sameRow, type Draft, type Focus } from "../form";
import { t } from "../strings";
import type { Choice } from "./kind";

interface Props {
  at: Focus;
  /** What a screen reader calls the group. */
  name: string;
  /** How a choice looks; its short name where nothing is said. */
  draw?: (choice: Choice<Draft>) => ReactNode;
  className?: string;
}

/** Whether the keys speak to this cell. */
export function useFocused(at: Focus): boolean {
  const { desk } = useWorkspace();
  return sameRow(desk.focus, at) && desk.focus.completion === at.completion;
}

// Arrow keys move among the buttons, as in any group of radio buttons.
function onArrow(event: KeyboardEvent<HTMLElement>): void {
  const buttons = [...event.currentTarget.querySelectorAll<HTMLElement>("button")];
  const at = buttons.indexOf(event.target as HTMLElement);
  const rtl = getComputedStyle(event.currentTarget).direction === "rtl";
  const by = { ArrowLeft: rtl ? 1 : -1, ArrowRight: rtl ? -1 : 1 }[event.key];
  if (event.key === " ") {
    event.preventDefault();
    buttons[at]?.click();
    return;
  }
  if (by === undefined || at < 0) return;
  event.preventDefault();
  // Among radio buttons the first arrow chooses the first, as nothing is chosen yet.
  const radio = buttons[at]?.getAttribute("role") === "radio";
  const from = radio ? buttons.findIndex((each) => each.ariaChecked === "true") : at;
  const next = buttons[Math.max(0, Math.min(buttons.length - 1, from + by))];
  if (!next || next === buttons[from]) return;
  if (next.getAttribute("role") === "radio") next.click();
  next.focus();
}

export function Choices({ at, name, draw, className = "" }: Props) {
  const { workspace, desk } = useWorkspace();
  const form = useForm();
  const focused = useFocused(at);
  if (!form) return null;
  const choices = choicesAt(form, at, focused ? desk.selection : null);
  if (choices.length === 0) return null;
  const several = choices.every((choice) => choice.stays);
  const first = choices.find((choice) => choice.chosen) ?? choices[0];
  return (
    <div
      className={`choices-row ${className}`}
      role={several ? "group" : "radiogroup"}
      aria-label={name}
      data-focused={focused}
      onKeyDown={onArrow}
    >
      {choices.map((choice) => {
        const single = !several && !choice.stays;
        return (
          <button
            key={choice.value}
            type="button"
            role={single ? "radio" : undefined}
            className="option"
            data-value={choice.value}
            aria-checked={single ? choice.chosen : undefined}
            aria-pressed={single ? undefined : choice.chosen}
            aria-label={choice.label}
            aria-keyshortcuts={choice.key ?? undefined}
            aria-disabled={choice.refusal !== undefined}
            title={choice.key ? `${choice.label} (${choice.key.toUpperCase()})` : choice.label}
            tabIndex={single && choice !== first ? -1 : 0}
            onMouseDown={keepFocus}
            onClick={() => {
              workspace.desk.hand.focusOn(at);
              choose(workspace, choice, at);
            }}
          >
            {draw ? draw(choice) : <span className="short">{choice.short || choice.value}</span>}
            {focused && choice.key && choice.key !== choice.short && <KeyCap keys={choice.key} />}
          </button>
        );
      })}
    </div>
  );
}

/** The cells of a row: one, or one for each completion under its letter. */
export function CellRow({
  question,
  row,
  each,
  name,
  draw,
  beside,
}: {
  question: string;
  row: string;
  each: boolean;
  name: string;
  draw?: Props["draw"];
  /** What else belongs to a cell. */
  beside?: (completion: number) => ReactNode;
}) {
  const form = useForm();
  if (!form) return null;
  const all = form.task.completions;
  const shown = each ? all.map((_, place) => place) : [0];
  const lettered = each && all.length > 1;
  return (
    <div className="cell-row" data-count={shown.length}>
      {shown.map((completion) => {
        const label = all[completion]?.label ?? "";
        const at: Focus = { question, part: "answer", row, completion };
        return (
          <div key={completion} className="cell">
            {lettered && (
              <span className="letter" aria-hidden="true">
                {label}
              </span>
            )}
            <Choices
              at={at}
              name={lettered ? `${name}, ${t.completion(label)}` : name}
              {...(draw && { draw })}
            />
            {beside?.(completion)}
          </div>
        );
      })}
    </div>
  );
}
