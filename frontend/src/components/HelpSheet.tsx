/** Every key, from the table that the buttons are made from. */
import { useEffect, useRef, useState } from "react";
import { actions, type Action } from "../actions";
import { conflicts, keyCap, keyName, keysOf } from "../keyboard";
import { changeSettings, settings } from "../settings";
import { useStore } from "../store";
import { t } from "../strings";
import { useWorkspace } from "./workspace";

const GROUPS: readonly Action["group"][] = [
  "answer",
  "select",
  "move",
  "read",
  "skip",
  "flag",
  "help",
];

export function HelpSheet() {
  const { workspace } = useWorkspace();
  const { keys } = useStore(settings);
  const dialog = useRef<HTMLDialogElement>(null);
  const [waiting, setWaiting] = useState<string | null>(null);
  const [trouble, setTrouble] = useState("");

  useEffect(() => dialog.current?.showModal(), []);

  const close = (): void => {
    workspace.view.set({ mode: "task" });
    workspace.focus("page");
  };

  // The next key press goes to the action whose cap was pressed.
  useEffect(() => {
    if (!waiting) return;
    const onKey = (event: KeyboardEvent): void => {
      const key = keyName(event);
      if (!key) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      setWaiting(null);
      if (key === "Escape") return;
      const changed = { ...keys, [waiting]: [key] };
      const [clash] = conflicts(actions, changed);
      if (clash) {
        const other = actions.find(
          (each) => clash.names.includes(each.name) && each.name !== waiting,
        );
        setTrouble(t.sheet.taken(keyCap(key), other?.label(workspace) ?? ""));
        return;
      }
      setTrouble("");
      changeSettings({ keys: changed });
    };
    window.addEventListener("keydown", onKey, { capture: true });
    return () => window.removeEventListener("keydown", onKey, { capture: true });
  }, [waiting, keys, workspace]);

  const shown = (action: Action): boolean =>
    // Digits say the same while text is selected: they are listed once.
    !/^(choose|select)-.$/.test(action.name) ||
    (action.mode === "task" && action.enabled(workspace));

  return (
    <dialog ref={dialog} className="sheet" aria-labelledby="sheet-title" onClose={close}>
      <div className="strip">
        <h2 id="sheet-title">{t.sheet.title}</h2>
        <div className="tools">
          {Object.keys(keys).length > 0 && (
            <button
              type="button"
              className="button"
              onClick={() => changeSettings({ keys: {} })}
            >
              {t.sheet.reset}
            </button>
          )}
          <button type="button" className="button" onClick={close}>
            {t.actions.close} <kbd className="cap">Esc</kbd>
          </button>
        </div>
      </div>
      <p className="quiet" role="status">
        {trouble || t.sheet.hint}
      </p>
      <div className="groups">
        {GROUPS.map((group) => (
          <section key={group}>
            <h3>{t.groups[group]}</h3>
            <ul>
              {actions
                .filter((action) => action.group === group && shown(action))
                .map((action) => (
                  <li key={action.name}>
                    <span>{action.label(workspace)}</span>
                    <button
                      type="button"
                      className="remap"
                      aria-label={t.sheet.change(action.label(workspace))}
                      onClick={() => {
                        setTrouble("");
                        setWaiting(action.name);
                      }}
                    >
                      {waiting === action.name ? (
                        <span className="cap">{t.sheet.press}</span>
                      ) : (
                        keysOf(action, keys).map((key) => (
                          <kbd key={key} className="cap">
                            {keyCap(key)}
                          </kbd>
                        ))
                      )}
                    </button>
                  </li>
                ))}
            </ul>
          </section>
        ))}
      </div>
    </dialog>
  );
}
