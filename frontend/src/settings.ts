/** What a person has chosen for this browser. */
import { Store } from "./store";
import type { Language } from "./strings";

export type Theme = "system" | "light" | "dark";

export interface Settings {
  theme: Theme;
  /** Go on by itself when the choice completes the task. */
  advance: boolean;
  /** Null: the browser's own. */
  language: Language | null;
  /** Keys a person has given to actions, by action name. */
  keys: Record<string, string[]>;
}

const STORAGE_KEY = "hone.settings";
const DEFAULTS: Settings = { theme: "system", advance: false, language: null, keys: {} };

function load(): Settings {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? "{}");
    return { ...DEFAULTS, ...(stored as Partial<Settings>) };
  } catch {
    return DEFAULTS;
  }
}

export const settings = new Store<Settings>(
  typeof localStorage === "undefined" ? DEFAULTS : load(),
);

export function changeSettings(change: Partial<Settings>): void {
  settings.set(change);
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(settings.get()));
  } catch {
    // Storage is full or closed: the choice holds until the page is left.
  }
  showTheme();
}

/** public/theme.js does the same before the first paint. */
export function showTheme(): void {
  const { theme } = settings.get();
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}
