"""Submit to the next task painted: at most 100 ms, since it is laid out before.

A machine that is busy with other things paints nothing in time. So the limit is 100 ms
or, where that is more, ten times what an empty pair of frames takes in the same page.
"""

from statistics import median

from playwright.sync_api import expect

from tests.browser.serving import numbered
from tests.browser.texts import RICH
from tests.browser.world import MakeWorld, front, saved

LIMIT_MS = 100
LIMIT_IN_FRAMES = 10
ANSWERS = 10

# Two frames in which nothing changes: the least that any painting takes here.
EMPTY_FRAMES = """
() => new Promise((done) => {
  const start = performance.now();
  requestAnimationFrame(() => requestAnimationFrame(() => {
    const after = new MessageChannel();
    after.port1.onmessage = () => done(performance.now() - start);
    after.port2.postMessage(null);
  }));
})
"""

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
    empty = []
    for number in range(1, ANSWERS + 1):
        expect(front(page)).to_be_visible()
        page.keyboard.press("2")
        page.keyboard.press("Enter")
        page.wait_for_function("(n) => window.paints.length === n", arg=number)
        # People read before they judge; the next tasks are laid out meanwhile.
        page.wait_for_timeout(250)
        empty.append(page.evaluate(EMPTY_FRAMES))
    paints = sorted(page.evaluate("window.paints"))
    saved(page)
    print(
        f"\nsubmit to painted: median {median(paints):.0f} ms, most {paints[-1]:.0f} ms"
        f"; two empty frames: median {median(empty):.0f} ms"
    )
    assert median(paints) <= max(LIMIT_MS, LIMIT_IN_FRAMES * median(empty)), paints
