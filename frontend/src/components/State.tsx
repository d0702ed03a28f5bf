/** A page with nothing to work on: one sentence says what happens next. */
import type { ReactNode } from "react";

interface Props {
  title: string;
  children?: ReactNode;
  busy?: boolean;
}

export function State({ title, children, busy = false }: Props) {
  return (
    <div className="state" role="status" aria-busy={busy}>
      <h2>{title}</h2>
      {children}
    </div>
  );
}
