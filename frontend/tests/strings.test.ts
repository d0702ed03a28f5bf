import { describe, expect, test } from "vitest";
import { LANGUAGES, preferred, type Language } from "../src/strings";
import { en } from "../src/strings/en";

/** Every word of a catalogue by its path; a function gives what it says of 1, 2, 5, 21. */
function words(catalogue: object, path = ""): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, value] of Object.entries(catalogue) as [string, unknown][]) {
    const here = `${path}${key}`;
    if (typeof value === "string") found.set(here, value);
    else if (typeof value === "function") {
      for (const n of [1, 2, 5, 21]) found.set(`${here}(${n})`, String(value(n, n)));
    } else for (const [inner, word] of words(value as object, `${here}.`)) found.set(inner, word);
  }
  return found;
}

const LETTERS: Record<Language, RegExp> = {
  en: /\p{Script=Latin}/u,
  de: /\p{Script=Latin}/u,
  es: /\p{Script=Latin}/u,
  zh: /\p{Script=Han}/u,
  ar: /\p{Script=Arabic}/u,
};
/** What is written alike in several languages. */
const SHARED = /^(sync\.offline|state\.offline|settings\.(of|system)|principle\.(na|no)|rate\.na|actions\.context|bar\.nth|span\.(list|note)|read\.system|pair|preview)/;

describe.each(Object.keys(LANGUAGES) as Language[])("the catalogue %s", (language) => {
  test("has every word, and in its own language", async () => {
    const own = words(await LANGUAGES[language].load());
    const english = words(en);
    expect([...own.keys()].sort()).toEqual([...english.keys()].sort());
    for (const [path, word] of own) {
      expect(word.trim(), path).not.toBe("");
      expect(word, path).not.toMatch(/undefined|NaN|\[object/);
      if (language === "en" || SHARED.test(path)) continue;
      expect(word, path).not.toBe(english.get(path));
      if (/\p{L}/u.test(word)) expect(word, path).toMatch(LETTERS[language]);
    }
  });
});

test("the first language of the browser that is spoken here is taken", () => {
  expect(preferred(["fr-CH", "de-CH", "en"])).toBe("de");
  expect(preferred(["ar-EG"])).toBe("ar");
  expect(preferred(["tlh"])).toBe("en");
});
