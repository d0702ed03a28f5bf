"""Texts that tests show: hostile ones, and ones with everything in them."""

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
HOSTILE = {
    "prompt": "Is <b>this</b> safe? <script>window.hacked = 1</script>",
    "completions": [
        "\n\n".join(
            [
                "<script>window.hacked = 2</script>",
                '<img src=x onerror="window.hacked = 3">',
                "[click me](javascript:window.hacked=4)",
                "![a cat](https://tracker.invalid/cat.png)",
                "![a dog](//tracker.invalid/dog.png)",
                '<iframe src="https://tracker.invalid/"></iframe>',
                "<style>body { display: none }</style>",
            ]
        ),
        "\n\n".join(
            [
                r"$\href{javascript:window.hacked=5}{x}$",
                r"$\htmlStyle{background:url(https://tracker.invalid/c.png)}{y}$",
                "[data](data:text/html,<script>window.hacked=6</script>)",
                "<a href='https://tracker.invalid' onclick='window.hacked=7'>raw</a>",
                f"![pixel]({PIXEL})",
            ]
        ),
    ],
}
RICH = {
    "prompt": [
        {"role": "system", "content": "You are a patient teacher."},
        {"role": "user", "content": "What is a mean?"},
        {"role": "assistant", "content": "The sum, divided by the count."},
        {"role": "user", "content": "Show it as code. It costs $5 or $10, no matter."},
    ],
    "completions": [
        """\
A *short* one:

```python
def mean(values):
    return sum(values) / 2
```

| n | mean  |
|---|-------|
| 1 | `0.5` |

So $\\bar{x} = \\frac{1}{n}\\sum x_i$.
""",
        """\
1. Add them.
2. Divide:

\\[
\\bar{x} = \\frac{1}{n} \\sum_{i=1}^n x_i
\\]

> Mind the empty list.

```json
{"mean": 1.5}
```
""",
    ],
}
