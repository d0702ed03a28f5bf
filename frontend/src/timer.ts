/**
 * Active time: the milliseconds during which the page was visible and the
 * person did something within the last 30 seconds.
 */
export const IDLE_AFTER_MS = 30_000;

export class ActiveTimer {
  #total: number;
  #lastInput: number | null = null;
  #now: () => number;

  constructor({ total = 0, now = () => performance.now() } = {}) {
    this.#total = total;
    this.#now = now;
  }

  /** Something was pressed, moved or scrolled, or the page came into view. */
  touch(): void {
    this.#settle();
    this.#lastInput = this.#now();
  }

  /** The page is hidden, or another task is in front. */
  pause(): void {
    this.#settle();
    this.#lastInput = null;
  }

  elapsedMs(): number {
    return Math.round(this.#total + this.#sinceInput());
  }

  /** True while time is counting. */
  get active(): boolean {
    return (
      this.#lastInput !== null && this.#now() - this.#lastInput < IDLE_AFTER_MS
    );
  }

  #sinceInput(): number {
    if (this.#lastInput === null) return 0;
    // A gap longer than the threshold was a break: only its start counts.
    return Math.min(Math.max(0, this.#now() - this.#lastInput), IDLE_AFTER_MS);
  }

  #settle(): void {
    this.#total += this.#sinceInput();
    this.#lastInput = null;
  }
}
