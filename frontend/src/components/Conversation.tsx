/** What was said before the completions. */
import { useLayoutEffect, useMemo, useRef } from "react";
import { inCards } from "../questions/reading";
import { SourceText } from "../questions/SourceText";
import { t } from "../strings";
import type { Assignment, Message } from "../types";
import { ActionButton, keepFocus } from "./ActionButton";
import { Messages } from "./Messages";
import { useForm, useWorkspace } from "./workspace";

/** The turns as written, where marks are made in them. */
function SourceTurns({ messages }: { messages: Message[] }) {
  const places = useMemo(
    () =>
      messages.map((_, message) => ({
        target: "prompt" as const,
        completion: null,
        passage: null,
        message,
      })),
    [messages],
  );
  return messages.map((message, i) => (
    <section key={i} className={`message ${message.role}`}>
      <SourceText text={message.content} place={places[i]!} />
    </section>
  ));
}

export function Conversation({ assignment }: { assignment: Assignment }) {
  const { workspace, view } = useWorkspace();
  const form = useForm();
  const scroller = useRef<HTMLDivElement>(null);
  const { messages, context } = assignment.prompt;

  // The last turn is the one to answer: it starts at the top of the box.
  useLayoutEffect(() => {
    const box = scroller.current;
    const last = box?.lastElementChild;
    if (box && last instanceof HTMLElement && messages.length > 1) {
      box.scrollTop = last.offsetTop - box.offsetTop;
    }
  }, [messages]);

  const size = view.expanded ? t.actions.shrink : t.actions.expandShort;
  const marked = form?.questions.some(
    (question) => question.kind === "span" && question.target === "prompt",
  );
  const turns = messages.length === 1 ? null : t.read.turnCount(messages.length);
  return (
    <section className="conversation" data-expanded={view.expanded} aria-label={t.read.conversation}>
      <div className="strip">
        <h2>
          {t.read.conversation}
          <span className="wide-only">{turns}</span>
        </h2>
        <div className="tools">
          {context && Object.keys(context).length > 0 && <ActionButton name="context" />}
          <ActionButton name="guidelines" />
          {form && inCards(form) ? (
            // Space opens the card in focus here.
            <button
              type="button"
              className="button"
              aria-pressed={view.expanded}
              onMouseDown={keepFocus}
              onClick={() => workspace.view.set({ expanded: !view.expanded })}
            >
              {size}
            </button>
          ) : (
            <ActionButton name="expand">
              <span className="label">{size}</span>
            </ActionButton>
          )}
        </div>
      </div>
      <div className="scroll" ref={scroller} tabIndex={0} role="region" aria-label={t.read.turns}>
        {marked ? (
          <SourceTurns messages={messages} />
        ) : (
          <Messages
            messages={messages}
            named={messages.length > 1 || messages[0]?.role !== "user"}
          />
        )}
      </div>
    </section>
  );
}
