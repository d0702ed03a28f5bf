import { beforeEach, expect, test } from "vitest";
import { ActiveTimer, IDLE_AFTER_MS } from "../src/timer";

let clock = 0;
let timer: ActiveTimer;

beforeEach(() => {
  clock = 0;
  timer = new ActiveTimer({ now: () => clock });
});

test("nothing counts before the first sign of life", () => {
  clock = 5000;
  expect(timer.elapsedMs()).toBe(0);
});

test("time between inputs counts in full", () => {
  timer.touch();
  clock = 20_000;
  timer.touch();
  clock = 25_000;
  expect(timer.elapsedMs()).toBe(25_000);
});

test("a break counts for the threshold only", () => {
  timer.touch();
  clock = 3_600_000;
  timer.touch();
  clock += 1000;
  expect(timer.elapsedMs()).toBe(IDLE_AFTER_MS + 1000);
});

test("hidden time does not count", () => {
  timer.touch();
  clock = 2000;
  timer.pause();
  clock = 12_000;
  expect(timer.elapsedMs()).toBe(2000);
  timer.touch();
  clock = 13_000;
  expect(timer.elapsedMs()).toBe(3000);
});

test("it is active until the threshold has passed", () => {
  timer.touch();
  clock = IDLE_AFTER_MS - 1;
  expect(timer.active).toBe(true);
  clock = IDLE_AFTER_MS;
  expect(timer.active).toBe(false);
});

test("a draft's time is the start", () => {
  timer = new ActiveTimer({ total: 4000, now: () => clock });
  timer.touch();
  clock = 500;
  expect(timer.elapsedMs()).toBe(4500);
});
