/** A small palette that follows the selection: categories, or "as evidence". */
import { useLayoutEffect, useRef, useState } from "react";
import { ActionButton, keepFocus } from "../components/ActionButton";
import { useForm, useWorkspace } from "../components/workspace";
import { questionAt } from "../form";
import { t } from "../strings";
import { Choices } from "./Choices";
import { lettersOf } from "./span/kind";

const GAP = 8;

export function Palette() {
  const { workspace, desk, view } = useWorkspace();
  const form = useForm();
  const box = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState({ left: 0, top: 0 });
  const { selection, focus } = desk;

  useLayoutEffect(() => {
    const marks = document.querySelectorAll("[data-front=true] .selecting");
    const last = marks[marks.length - 1]?.getClientRects();
    const at = last?.[last.length - 1];
    const size = box.current?.getBoundingClientRect();
    if (!at || !size) return;
    marks[0]?.scrollIntoView({ block: "nearest" });
    const below = at.bottom + GAP;
    const top = below + size.height > innerHeight ? at.top - size.height - GAP : below;
    const left = Math.min(Math.max(GAP, at.left), innerWidth - size.width - GAP);
    setPlace({ left, top: Math.max(GAP, top) });
  }, [selection]);

  const question = form && questionAt(form, focus);
  if (!selection || !question) return null;
  const span = question.kind === "span" ? question : null;
  const letters = span && lettersOf(span.categories);
  return (
    <div className="palette" ref={box} style={place} role="group" aria-label={t.select.palette}>
      {span ? (
        <Choices
          at={focus}
          name={t.span.category}
          draw={(choice) => (
            <>
              <span
                className={`span-mark c${span.categories.findIndex(({ id }) => id === choice.value) % 8}`}
              >
                {letters?.get(choice.value)}
              </span>
              <span className="short">{choice.short}</span>
            </>
          )}
        />
      ) : (
        <ActionButton name={view.mode === "select" ? "select-take" : "evidence"} className="primary" />
      )}
      <button
        type="button"
        className="button plain small"
        aria-label={t.select.leave}
        onMouseDown={keepFocus}
        onClick={() => {
          workspace.desk.hand.select(null);
          workspace.view.set({ mode: "task", selecting: null });
        }}
      >
        ✕
      </button>
    </div>
  );
}
