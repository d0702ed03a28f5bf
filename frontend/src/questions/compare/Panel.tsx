/** The scale of a compare question: a row of buttons, or one for each pair. */
import { useForm } from "../../components/workspace";
import { t } from "../../strings";
import type { Of } from "../../types";
import { Choices } from "../Choices";
import type { PanelProps } from "../panel";
import { compare, optionsOf, sidesOf, type Option } from "./kind";

/** As many as the strongest scale of the presets has; a phone has room for these. */
const MOST_DOTS = 4;

/** How strong an option is, drawn small: ••• A, =, B •••. */
function Glyph({ option, a, b }: { option: Option; a: string; b: string }) {
  const dots = "•".repeat(Math.min(MOST_DOTS, option.strength ?? 0));
  if (option.outcome === "tie") return <span className="glyph">=</span>;
  if (option.outcome === "unsure") return <span className="glyph">?</span>;
  if (option.outcome === "both_bad") return <span className="glyph">✕</span>;
  return option.outcome === "a" ? (
    <span className="glyph">
      {a}
      <i>{dots}</i>
    </span>
  ) : (
    <span className="glyph">
      <i>{dots}</i>
      {b}
    </span>
  );
}

export function ComparePanel({ question, alone }: PanelProps<Of<"compare">>) {
  const form = useForm();
  if (!form) return null;
  const { task } = form;
  const rows = compare.rows({ question, task }, {}, 0);
  const options = optionsOf(question);
  return rows.map((row) => {
    const [a = "A", b = "B"] = sidesOf(row).map((place) => task.completions[place]?.label);
    const pair = rows.length > 1 ? `${a} – ${b}` : null;
    const name = question.criterion ?? question.text;
    return (
      <div key={row} className="scale-row">
        {(!alone || pair) && (
          <span className="scale-name" dir="auto" title={pair ?? name}>
            {pair ?? name}
          </span>
        )}
        <Choices
          at={{ question: question.id, part: "answer", row, completion: 0 }}
          name={pair ? `${question.text} ${t.pair(a, b)}` : question.text}
          className="scale"
          draw={(choice) => {
            const option = options.find((each) => each.value === choice.value);
            if (!option) return null;
            return (
              <>
                <Glyph option={option} a={a} b={b} />
                <span className={`short ${option.outcome}`}>{choice.short}</span>
              </>
            );
          }}
        />
      </div>
    );
  });
}
