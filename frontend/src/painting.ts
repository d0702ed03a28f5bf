/** What can wait until the person sees the next task. */

/** Pages in the background paint no frames; their work is not held up by it. */
const AT_THE_LATEST_MS = 250;

/** Do it once the frame that is being made is on the screen; returns how to call it off. */
export function afterPaint(work: () => void): () => void {
  if (typeof requestAnimationFrame === "undefined") {
    work();
    return () => {};
  }
  let waits = true;
  const stop = (): void => {
    waits = false;
    clearTimeout(latest);
    cancelAnimationFrame(frame);
  };
  const once = (): void => {
    if (!waits) return;
    stop();
    work();
  };
  const latest = setTimeout(once, AT_THE_LATEST_MS);
  // Frame callbacks run before the painting; what they post runs after it.
  const frame = requestAnimationFrame(() => void setTimeout(once));
  return stop;
}
