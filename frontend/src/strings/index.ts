/** The words in force. `t` is read when something is drawn, never kept. */
import { en, type Strings } from "./en";

export type { Strings } from "./en";

export type Language = "en" | "de" | "es" | "zh" | "ar";

interface Catalogue {
  /** Its name in itself. */
  name: string;
  dir: "ltr" | "rtl";
  load: () => Promise<Strings>;
}

export const LANGUAGES: Readonly<Record<Language, Catalogue>> = {
  en: { name: "English", dir: "ltr", load: async () => en },
  de: { name: "Deutsch", dir: "ltr", load: async () => (await import("./de")).de },
  es: { name: "Español", dir: "ltr", load: async () => (await import("./es")).es },
  zh: { name: "中文", dir: "ltr", load: async () => (await import("./zh")).zh },
  ar: { name: "العربية", dir: "rtl", load: async () => (await import("./ar")).ar },
};

export let t: Strings = en;

/** The first of the browser's languages that there is a catalogue for. */
export function preferred(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const [language = ""] = tag.toLowerCase().split("-");
    if (language in LANGUAGES) return language as Language;
  }
  return "en";
}

/** Put a language in force, on the page's own element too. */
export async function speak(language: Language): Promise<void> {
  const { dir, load } = LANGUAGES[language];
  t = await load();
  document.documentElement.lang = language;
  document.documentElement.dir = dir;
}
