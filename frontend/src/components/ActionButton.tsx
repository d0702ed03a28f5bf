/** A button for a command of the action table. */
import type { ReactNode } from "react";
import { actionNamed } from "../actions";
import { keyCap, keysOf } from "../keyboard";
import { settings } from "../settings";
import { useStore } from "../store";
import { useWorkspace } from "./workspace";

interface Props {
  name: string;
  className?: string;
  children?: ReactNode;
}

/** A click leaves the focus where it is, so that Enter still accepts. */
export function keepFocus(event: { preventDefault: () => void }): void {
  event.preventDefault();
}

export function KeyCap({ keys }: { keys: string }) {
  return (
    <kbd className="cap" aria-hidden="true">
      {keyCap(keys)}
    </kbd>
  );
}

export function ActionButton({ name, className = "", children }: Props) {
  const { workspace } = useWorkspace();
  const { keys } = useStore(settings);
  const action = actionNamed(name);
  const label = action.label(workspace);
  const [key] = keysOf(action, keys);
  return (
    <button
      type="button"
      className={`button ${className}`}
      disabled={!action.enabled(workspace)}
      aria-pressed={action.pressed?.(workspace)}
      aria-label={typeof children === "string" ? label : undefined}
      aria-keyshortcuts={key}
      title={key ? `${label} (${keyCap(key)})` : label}
      onMouseDown={keepFocus}
      onClick={() => action.perform(workspace)}
    >
      {children ?? <span className="label">{label}</span>}
      {key && <KeyCap keys={key} />}
    </button>
  );
}
