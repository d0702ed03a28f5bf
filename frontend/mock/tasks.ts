interface Mock {
  messages: { role: string; content: string }[];
  context?: Record<string, unknown>;
  completions: [string, string];
}

const F = "```";

export const tasks: Mock[] = [
  {
    messages: [{ role: "user", content: "Write a Python function that returns the moving average of a list, and say what it costs." }],
    completions: [
      `Keep a running sum, so that every value is added once and taken away once.\n\n${F}python\nfrom collections import deque\n\ndef moving_average(values, window):\n    """Return the mean of each full window."""\n    if window < 1:\n        raise ValueError("window must be at least 1")\n    seen, total, out = deque(), 0.0, []\n    for value in values:\n        seen.append(value)\n        total += value\n        if len(seen) > window:\n            total -= seen.popleft()\n        if len(seen) == window:\n            out.append(total / window)\n    return out\n${F}\n\nThe cost is $O(n)$ time and $O(w)$ memory, where $w$ is the window.\n\n| call | result |\n|---|---|\n| \`moving_average([1, 2, 3], 2)\` | \`[1.5, 2.5]\` |\n| \`moving_average([1], 2)\` | \`[]\` |`,
      `Here is a function:\n\n${F}python\ndef moving_average(values, window):\n    return [sum(values[i:i + window]) / window\n            for i in range(len(values) - window + 1)]\n${F}\n\nIt costs \\(O(n w)\\), because each window is summed from the start:\n\n\\[\n\\bar{x}_i = \\frac{1}{w} \\sum_{j=0}^{w-1} x_{i+j}\n\\]\n\nFor small windows this is fine.`,
    ],
  },
  {
    messages: [
      { role: "system", content: "You are a patient cooking teacher." },
      { role: "user", content: "My rice always sticks. What am I doing wrong?" },
      { role: "assistant", content: "Tell me how you cook it: how much water, and do you rinse it first?" },
      { role: "user", content: "Two cups of water to one of rice, no rinsing. It costs me $5 and then $10 of good basmati each time!" },
    ],
    context: { reference: "Rinse until the water runs clear; use 1.5 cups.", passages: ["Surface starch makes rice sticky.", "Basmati needs less water than short-grain rice."] },
    completions: [
      "Two things:\n\n1. **Rinse it.** Put the rice in a sieve and run cold water through it until the water is clear. The cloudiness is starch, and starch is the glue.\n2. **Use less water.** For basmati, one and a half cups to one of rice.\n\nThen bring it to the boil, cover, turn the heat to its lowest for 12 minutes, and let it rest for 5 minutes with the lid on. Fluff with a fork.",
      "Two things:\n\n1. **Use more butter.** Butter keeps the grains apart.\n2. **Use less water.** For basmati, one and a half cups to one of rice.\n\nThen bring it to the boil, stir often, and let it rest for 5 minutes with the lid off.",
    ],
  },
  {
    messages: [{ role: "user", content: "Is <b>this</b> safe? <script>window.hacked = 1</script>" }],
    completions: [
      "A picture ![a cat](https://example.com/cat.png) and [a link](javascript:alert(1)) and <img src=x onerror=\"window.hacked=1\">\n\n<script>window.hacked = 1</script>",
      "> It is shown as text.\n\n- [x] done\n- [ ] open\n\nVisit https://example.com/a for more. ~~Old~~ new.",
    ],
  },
];
