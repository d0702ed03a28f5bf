/** The passages beside a prompt: texts that can be marked or referred to. */
import { slicePoints } from "../text/codePoints";
import type { Assignment } from "../types";

export type Passage = Assignment["prompt"]["passages"][number];

export function passagesOf(task: Assignment): Passage[] {
  return task.prompt.passages;
}

/** A passage's sentences with their words. */
export function sentencesOf({ text, sentences }: Passage): { id: string | number; text: string }[] {
  return sentences.map(({ id, start, end }) => ({ id, text: slicePoints(text, start, end) }));
}
