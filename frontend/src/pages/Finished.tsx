/** Nothing to do: thanks, and what the answers led to; or not yet, for a newcomer. */
import { State } from "../components/State";
import { Link } from "../router";
import type { Progress, Thanks } from "../types";

function counted(count: number, one: string, many: string): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

export function Finished({ thanks, progress }: { thanks: Thanks | null; progress: Progress }) {
  const answers = thanks?.answers ?? progress.answered;
  if (answers === 0) {
    return (
      <State title="Nothing to label yet.">
        <p>New tasks appear on this page by themselves, as soon as there are any.</p>
        <p className="quiet">
          A model may still be writing the first completions; that takes a minute.
        </p>
        <Link to="/" className="button">
          All projects
        </Link>
      </State>
    );
  }
  const led: string[] = [];
  if (thanks?.models) led.push(counted(thanks.models, "model learned", "models learned"));
  if (thanks?.rounds) led.push(counted(thanks.rounds, "round opened", "rounds opened"));
  return (
    <State title="All done. Thank you.">
      <p>
        You gave {counted(answers, "answer", "answers")} here
        {led.length > 0 && <>, and from them {led.join(" and ")}</>}.
      </p>
      <p className="quiet">
        When new tasks open they appear on this page by themselves. Undo (Z) still
        reaches your last answers.
      </p>
      <Link to="/" className="button">
        All projects
      </Link>
    </State>
  );
}
