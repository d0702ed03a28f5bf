/** Places that a mark leans on: a passage's sentence, or an earlier span. */
import { t } from "../strings";
import type { Assignment, Ref } from "../types";
import { passagesOf, sentencesOf } from "./passages";

const EXCERPT = 60;

function short(text: string): string {
  return text.length > EXCERPT ? `${text.slice(0, EXCERPT)}…` : text;
}

export interface EarlierSpan {
  ref: Ref;
  text: string;
}

interface Props {
  task: Assignment;
  refs: readonly Ref[];
  earlier: readonly EarlierSpan[];
  onChange: (refs: Ref[]) => void;
}

interface Place {
  key: string;
  label: string;
  ref: Ref;
}

function placesOf({ task, earlier }: Pick<Props, "task" | "earlier">): Place[] {
  const sentences = passagesOf(task).flatMap((passage) =>
    sentencesOf(passage).map(({ id, text }, i) => ({
      key: `${passage.doc} ${id}`,
      label: `${passage.title || passage.doc}, ${i + 1}: ${short(text)}`,
      ref: { doc: passage.doc, sentence: id, message: 0 },
    })),
  );
  const spans = earlier.map(({ ref, text }) => ({
    key: keyOf(ref),
    label: short(text),
    ref,
  }));
  return [...spans, ...sentences];
}

function keyOf({ doc, sentence, completion, message, start, end }: Ref): string {
  return completion ? `${completion} ${message} ${start} ${end}` : `${doc} ${sentence}`;
}

export function Refs({ task, refs, earlier, onChange }: Props) {
  const places = placesOf({ task, earlier });
  const had = new Set(refs.map(keyOf));
  return (
    <div className="refs">
      {refs.map((ref) => {
        const key = keyOf(ref);
        const label = places.find((place) => place.key === key)?.label ?? key;
        return (
          <button
            key={key}
            type="button"
            className="chip"
            aria-label={t.refs.remove(label)}
            onClick={() => onChange(refs.filter((each) => keyOf(each) !== key))}
          >
            ↗ {label} ✕
          </button>
        );
      })}
      {places.length === 0 ? (
        <span className="quiet">{t.refs.none}</span>
      ) : (
        <select
          aria-label={t.refs.add}
          value=""
          onChange={(event) => {
            const place = places.find((each) => each.key === event.target.value);
            if (place) onChange([...refs, place.ref]);
          }}
        >
          <option value="">{t.refs.add}</option>
          {places
            .filter((place) => !had.has(place.key))
            .map((place) => (
              <option key={place.key} value={place.key}>
                {place.label}
              </option>
            ))}
        </select>
      )}
    </div>
  );
}
