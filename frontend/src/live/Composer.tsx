/** Where a person writes the next turn; a reload loses no keystroke. */
import {
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
  type ClipboardEvent,
  type DragEvent,
  type FormEvent,
  type KeyboardEvent,
} from "react";
import { KeyCap } from "../components/ActionButton";
import { t } from "../strings";
import type { Project, Talk } from "../types";
import { AddImage } from "./AddImage";
import { imageIn } from "./images";
import { turnDrafts } from "./talk";

interface Props {
  talk: Talk;
  project: Project;
  /** Why nothing can be sent now; null where it can. */
  closed: string | null;
  busy: boolean;
  trouble: string;
  send: (content: string) => Promise<boolean>;
}

export function Composer({ talk, project, closed, busy, trouble, send }: Props) {
  const [text, setText] = useState(() => turnDrafts.load(talk.id));
  const [given, setGiven] = useState<File | null>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const found = [...text].length;

  useEffect(() => {
    const box = field.current;
    if (closed || !box) return;
    box.focus();
    box.setSelectionRange(box.value.length, box.value.length);
  }, [closed]);

  useLayoutEffect(() => {
    const box = field.current;
    if (!box) return;
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight + 2}px`;
  }, [text]);

  const write = (next: string): void => {
    setText(next);
    turnDrafts.save(talk.id, next);
  };

  const onSend = async (): Promise<void> => {
    if (closed || busy || !text.trim() || found > talk.longest) return;
    if (await send(text)) write("");
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    const { isComposing } = event.nativeEvent;
    if (event.key !== "Enter" || event.shiftKey || isComposing) return;
    event.preventDefault();
    void onSend();
  };

  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    void onSend();
  };

  /** A picture that is pasted or dropped is added; text goes its usual way. */
  const onGiven = (event: ClipboardEvent | DragEvent): void => {
    const from = "clipboardData" in event ? event.clipboardData : event.dataTransfer;
    const image = imageIn(from.files);
    if (!image) return;
    event.preventDefault();
    setGiven(image);
  };

  /** In the place of the caret, and the caret after it. */
  const insert = (markdown: string): void => {
    setGiven(null);
    const box = field.current;
    if (!box) return;
    const { selectionStart: at, selectionEnd: end } = box;
    write(text.slice(0, at) + markdown + text.slice(end));
    box.focus();
    requestAnimationFrame(() => {
      box.setSelectionRange(at + markdown.length, at + markdown.length);
    });
  };

  return (
    <form className="composer" onSubmit={onSubmit} onDrop={onGiven}>
      <textarea
        ref={field}
        rows={2}
        dir="auto"
        aria-label={t.live.yours}
        placeholder={t.live.placeholder}
        value={text}
        onChange={(event) => write(event.target.value)}
        onKeyDown={onKeyDown}
        onPaste={onGiven}
      />
      <button
        type="submit"
        className="button primary"
        disabled={closed !== null || busy || !text.trim() || found > talk.longest}
      >
        {busy ? t.live.sending : t.live.send} <KeyCap keys="Enter" />
      </button>
      <AddImage
        project={project}
        text={text}
        given={given}
        insert={insert}
        left={() => {
          setGiven(null);
          field.current?.focus();
        }}
      />
      <p className="trouble" role="alert">
        {found > talk.longest
          ? t.live.tooLong(talk.longest, found)
          : trouble}
      </p>
    </form>
  );
}
