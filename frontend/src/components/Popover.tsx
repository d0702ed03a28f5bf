/** A button with a small sheet under it; closes on Escape and a click outside. */
import { useEffect, useRef, useState, type ReactNode } from "react";

interface Props {
  /** The look of the button. */
  className: string;
  title: string;
  button: ReactNode;
  /** What the sheet is called by a screen reader. */
  name: string;
  children: ReactNode;
}

export function Popover({ className, title, button, name, children }: Props) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    if (!open) return;
    const onPointer = (event: PointerEvent): void => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      setOpen(false);
      opener.current?.focus();
    };
    document.addEventListener("pointerdown", onPointer);
    document.addEventListener("keydown", onKey);
    return () => {
      document.removeEventListener("pointerdown", onPointer);
      document.removeEventListener("keydown", onKey);
    };
  }, [open]);

  return (
    <div className="popover-root" ref={root}>
      <button
        type="button"
        ref={opener}
        className={className}
        aria-expanded={open}
        title={title}
        onClick={() => setOpen(!open)}
      >
        {button}
      </button>
      {open && (
        <div className="popover" role="group" aria-label={name}>
          {children}
        </div>
      )}
    </div>
  );
}
