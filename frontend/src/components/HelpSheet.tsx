/** Every key, from the table that the buttons are made from. */
import { useEffect, useRef, useState } from "react";
import { actions, labelOf, type Action } from "../actions";
import { conflicts, keyCap, keyName, keysOf } from "../keyboard";
import { changeSettings, settings } from "../settings";
import { useStore } from "../store";
import { useWorkspace } from "./workspace";

const GROUPS: { group: Action["group"]; title: string }[] = [
  { group: "Answer", title: "Answering" },
  { group: "Move", title: "Moving" },
  { group: "Read", title: "Reading" },
  { group: "Skip", title: "After skip" },
  { group: "Flag", title: "After flag" },
  { group: "Help", title: "Help" },
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
        setTrouble(
          `${keyCap(key)} is taken by “${other ? labelOf(other, workspace) : ""}”; choose another key.`,
        );
        return;
      }
      setTrouble("");
      changeSettings({ keys: changed });
    };
    window.addEventListener("keydown", onKey, { capture: true });
    return () => window.removeEventListener("keydown", onKey, { capture: true });
  }, [waiting, keys, workspace]);

  const shown = (action: Action): boolean =>
    !action.name.startsWith("choose-") || action.enabled(workspace);

  return (
    <dialog ref={dialog} className="sheet" aria-labelledby="sheet-title" onClose={close}>
      <div className="strip">
        <h2 id="sheet-title">Keys</h2>
        <div className="tools">
          {Object.keys(keys).length > 0 && (
            <button
              type="button"
              className="button"
              onClick={() => changeSettings({ keys: {} })}
            >
              Reset all
            </button>
          )}
          <button type="button" className="button" onClick={close}>
            Close <kbd className="cap">Esc</kbd>
          </button>
        </div>
      </div>
      <p className="quiet" role="status">
        {trouble || "Press a key's cap to give its action another key. Keys rest while you type; Esc leaves the field."}
      </p>
      <div className="groups">
        {GROUPS.map(({ group, title }) => (
          <section key={group}>
            <h3>{title}</h3>
            <ul>
              {actions
                .filter((action) => action.group === group && shown(action))
                .map((action) => (
                  <li key={action.name}>
                    <span>{labelOf(action, workspace)}</span>
                    <button
                      type="button"
                      className="remap"
                      aria-label={`Change the key of ${labelOf(action, workspace)}`}
                      onClick={() => {
                        setTrouble("");
                        setWaiting(action.name);
                      }}
                    >
                      {waiting === action.name ? (
                        <span className="cap">press a key</span>
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
