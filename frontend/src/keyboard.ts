/**
 * The single key listener. It is dead while typing (Escape leaves the field),
 * leaves Enter and Space to a focused button, and performs nothing when two
 * actions claim the same key.
 */

export type Mode = "task" | "select" | "skip" | "flag" | "sheet";

export interface Bound {
  readonly name: string;
  readonly keys: readonly string[];
  readonly mode: Mode;
  /** Works inside a text field too. */
  readonly whileTyping?: boolean;
}

export type Remaps = Readonly<Record<string, readonly string[]>>;

type KeyEvent = Pick<
  KeyboardEvent,
  "key" | "code" | "altKey" | "ctrlKey" | "metaKey" | "shiftKey"
>;

/** The name of a key press, like "z", "Enter", "Alt+ArrowUp" or "?". */
export function keyName(event: KeyEvent): string | null {
  const { key } = event;
  if (["Shift", "Control", "Alt", "Meta", "Dead", "Unidentified"].includes(key)) {
    return null;
  }
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code)?.[1];
  let name = key;
  if (key === " ") name = "Space";
  // On some layouts digits need Shift; the plain key counts as its digit too.
  else if (digit && !event.shiftKey) name = digit;
  else if (key.length === 1) name = key.toLowerCase();
  const letter = /^\p{L}$/u.test(name);
  const named = name.length > 1;
  return [
    event.ctrlKey ? "Ctrl+" : "",
    event.metaKey ? "Meta+" : "",
    event.altKey ? "Alt+" : "",
    event.shiftKey && (letter || named) ? "Shift+" : "",
    name,
  ].join("");
}

export function keysOf(action: Bound, remaps: Remaps): readonly string[] {
  return remaps[action.name] ?? action.keys;
}

export interface Conflict {
  key: string;
  mode: Mode;
  names: string[];
}

/** Keys that more than one action of a mode claims. */
export function conflicts(actions: readonly Bound[], remaps: Remaps): Conflict[] {
  const claims = new Map<string, Conflict>();
  for (const action of actions) {
    for (const key of keysOf(action, remaps)) {
      const claim = claims.get(`${action.mode} ${key}`);
      if (claim) claim.names.push(action.name);
      else {
        const { mode, name } = action;
        claims.set(`${mode} ${key}`, { key, mode, names: [name] });
      }
    }
  }
  return [...claims.values()].filter((claim) => claim.names.length > 1);
}

export type Decision<A> =
  | { do: "nothing" }
  | { do: "leave-field" }
  | { do: "perform"; action: A }
  | { do: "refuse"; key: string; names: string[] };

export interface Press<A extends Bound> {
  key: string;
  where: "field" | "button" | "page";
  mode: Mode;
  actions: readonly A[];
  remaps: Remaps;
  enabled: (action: A) => boolean;
}

/** What a key press means; free of the page, so that tests can ask. */
export function decide<A extends Bound>(press: Press<A>): Decision<A> {
  const { key, where, mode, actions, remaps, enabled } = press;
  if (where === "field" && key === "Escape") return { do: "leave-field" };
  if (where === "button" && (key === "Enter" || key === "Space")) {
    return { do: "nothing" };
  }
  const claimed = actions.filter(
    (action) =>
      action.mode === mode &&
      (where !== "field" || action.whileTyping) &&
      keysOf(action, remaps).includes(key),
  );
  if (claimed.length > 1) {
    return { do: "refuse", key, names: claimed.map((action) => action.name) };
  }
  const [action] = claimed;
  if (!action || !enabled(action)) return { do: "nothing" };
  return { do: "perform", action };
}

function placeOf(target: EventTarget | null): "field" | "button" | "page" {
  if (!(target instanceof HTMLElement)) return "page";
  if (target.isContentEditable || target.matches("textarea, select")) return "field";
  if (target instanceof HTMLInputElement) {
    return /^(radio|checkbox|button|submit)$/.test(target.type) ? "button" : "field";
  }
  // Enter on an option of the scale accepts, as it does everywhere else.
  if (target.closest("[role=radio]")) return "page";
  return target.closest("button, a[href], summary") ? "button" : "page";
}

export interface Listening<A extends Bound> {
  mode: () => Mode;
  actions: () => readonly A[];
  remaps: () => Remaps;
  enabled: (action: A) => boolean;
  perform: (action: A) => void;
  refuse: (decision: { key: string; names: string[] }) => void;
}

/** Start listening; the returned function stops it. */
export function listen<A extends Bound>(to: Listening<A>): () => void {
  const onKeyDown = (event: KeyboardEvent): void => {
    // A held key must not answer task after task.
    if (event.defaultPrevented || event.isComposing || event.repeat) return;
    const key = keyName(event);
    if (key === null) return;
    const decision = decide({
      key,
      where: placeOf(event.target),
      mode: to.mode(),
      actions: to.actions(),
      remaps: to.remaps(),
      enabled: to.enabled,
    });
    if (decision.do === "nothing") return;
    event.preventDefault();
    if (decision.do === "leave-field") (event.target as HTMLElement).blur();
    else if (decision.do === "perform") to.perform(decision.action);
    else to.refuse(decision);
  };
  window.addEventListener("keydown", onKeyDown);
  return () => window.removeEventListener("keydown", onKeyDown);
}

const SPOKEN: Record<string, string> = {
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  Enter: "⏎",
  Escape: "Esc",
};

/** How a key is printed on its cap. */
export function keyCap(key: string): string {
  return key
    .split(/\+(?=.)/)
    .map((part) => SPOKEN[part] ?? (part.length === 1 ? part.toUpperCase() : part))
    .join("+");
}
