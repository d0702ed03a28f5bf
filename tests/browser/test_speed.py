"""Submit to the next task painted: at once, since it is laid out before.

The target is 100 ms with the machine to itself; the figure is printed. A machine that
is busy with other suites gets more before the test fails.
"""

import os
from statistics import median

from playwright.sync_api import expect

from tests.browser.serving import numbered
from tests.browser.texts import RICH
from tests.browser.world import MakeWorld, front, saved

LIMIT_MS = float(os.environ.get("HONE_PAINT_LIMIT_MS", "1000"))
ANSWERS = 10

# From the key press to the frame after the one in which the next task is in place.
MEASURE = """
() => {
  window.paints = [];
  const shown = () =>
    document.querySelector('[data-front="true"]')?.dataset.assignment ?? null;
  addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    const start = event.timeStamp;
    const before = shown();
    const look = () => {
      if (shown() === before) return requestAnimationFrame(look);
      const after = new MessageChannel();
      after.port1.onmessage = () => window.paints.push(performance.now() - start);
      after.port2.postMessage(null);
    };
    requestAnimationFrame(look);
  }, { capture: true });
}
"""


def test_the_next_task_is_painted_at_once(
    make_world: MakeWorld,
) -> None:
    page = make_world([*numbered(10), RICH, *numbered(20)[10:]]).page()
    page.evaluate(MEASURE)
    for number in range(1, ANSWERS + 1):
        expect(front(page)).to_be_visible()
        page.keyboard.press("2")
        page.keyboard.press("Enter")
        page.wait_for_function("(n) => window.paints.length === n", arg=number)
        # People read before they judge; the next tasks are laid out meanwhile.
        page.wait_for_timeout(250)
    paints = sorted(page.evaluate("window.paints"))
    saved(page)
    print(
        f"\nsubmit to painted: median {median(paints):.0f} ms, most {paints[-1]:.0f} ms"
    )
    assert median(paints) <= LIMIT_MS, paints
