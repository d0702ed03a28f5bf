/** What is selected by mouse or finger in a text as written, taken up for the answer. */
import { useEffect } from "react";
import type { Workspace } from "../actions";
import { questionAt, shownOf, type Focus, type Form } from "../form";
import { pointAt } from "../text/codePoints";
import { snapped } from "../text/segments";
import type { Question } from "../types";
import type { Selection, TextTarget } from "./kind";
import { sourceOf } from "./span/kind";

/** A finger that rests this long has chosen. */
const SETTLED_MS = 350;

function sourceAround(node: Node | null): HTMLElement | null {
  const element = node instanceof Element ? node : node?.parentElement;
  return element?.closest<HTMLElement>("[data-source]") ?? null;
}

function offsetIn(root: HTMLElement, node: Node, offset: number): number {
  const range = document.createRange();
  range.setStart(root, 0);
  range.setEnd(node, offset);
  return range.toString().length;
}

/** The place and the UTF-16 offsets of the browser's selection. */
function selected(): { place: Omit<Selection, "start" | "end">; start: number; end: number } | null {
  const found = document.getSelection();
  if (!found || found.isCollapsed || found.rangeCount === 0) return null;
  const range = found.getRangeAt(0);
  const root = sourceAround(range.startContainer);
  if (!root) return null;
  const { target, completion, passage, message } = root.dataset;
  const inside = root.contains(range.endContainer);
  const end = inside
    ? offsetIn(root, range.endContainer, range.endOffset)
    : (root.textContent ?? "").length;
  return {
    place: {
      target: target as TextTarget,
      completion: completion ?? null,
      passage: passage ?? null,
      message: Number(message),
    },
    start: offsetIn(root, range.startContainer, range.startOffset),
    end,
  };
}

function takes(question: Question, target: TextTarget): boolean {
  if (question.kind === "span") return question.target === target;
  return question.kind === "principle" && question.evidence !== "off" && target === "completion";
}

/** The cell that a selection in this text is for: the one in focus, if it takes one. */
function cellFor(form: Form, focus: Focus, place: Selection): Focus | null {
  const completion = place.completion
    ? form.task.completions.findIndex((each) => each.id === place.completion)
    : focus.completion;
  const here = questionAt(form, focus);
  if (here && takes(here, place.target) && here.kind === "span") return { ...focus, completion };
  if (here && takes(here, place.target)) return { ...focus, completion };
  const other = shownOf(form).find(
    (question) => question.kind === "span" && takes(question, place.target),
  );
  return other ? { question: other.id, part: "answer", row: "", completion } : null;
}

function takeUp({ desk }: Workspace): void {
  const { form, focus } = desk.hand;
  const found = selected();
  if (!form || !found) return;
  const whole = { ...found.place, start: 0, end: 0 };
  const cell = cellFor(form, focus, whole);
  if (!cell) return;
  const text = sourceOf(form.task, found.place);
  const question = form.questions.find((each) => each.id === cell.question);
  const snap = question?.kind === "span" ? question.snap : "word";
  const range = snapped(text, found, snap);
  if (!range) return;
  desk.hand.focusOn(cell);
  const [start, end] = [pointAt(text, range.start), pointAt(text, range.end)];
  desk.hand.select({ ...found.place, start, end });
  document.getSelection()?.removeAllRanges();
}

export function useTextSelection(workspace: Workspace): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let touch = false;
    const onDown = (event: PointerEvent): void => {
      touch = event.pointerType !== "mouse";
      // A press beside the palette lets the selection go.
      const target = event.target as Element;
      if (workspace.desk.state.get().selection && !target.closest(".palette, .bar, button")) {
        workspace.desk.hand.select(null);
        workspace.view.set({ mode: "task", selecting: null });
      }
    };
    const onUp = (event: PointerEvent): void => {
      if (event.pointerType === "mouse") takeUp(workspace);
    };
    const onChange = (): void => {
      if (!touch) return;
      clearTimeout(timer);
      timer = setTimeout(() => takeUp(workspace), SETTLED_MS);
    };
    document.addEventListener("pointerdown", onDown);
    document.addEventListener("pointerup", onUp);
    document.addEventListener("selectionchange", onChange);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("pointerdown", onDown);
      document.removeEventListener("pointerup", onUp);
      document.removeEventListener("selectionchange", onChange);
    };
  }, [workspace]);
}
