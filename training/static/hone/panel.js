// On every page of the panel: says in red when work waits and no worker answers, and
// looks again by itself where a page says that something is under way.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  // The theme opens its menu by spans that the mouse alone can press.
  const toggles = ["sidebarMobileOpen", "sidebarDesktopOpen", "openUserLinks"];
  const pressed = toggles.map((name) => `:is(span, div)[x-on\\:click*="${name}"]`);
  for (const toggle of document.querySelectorAll(pressed.join())) {
    const account = toggle.getAttribute("x-on:click").includes("openUserLinks");
    toggle.setAttribute("role", "button");
    toggle.setAttribute("aria-label", account ? "Account" : "Menu");
    toggle.tabIndex = 0;
    toggle.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      toggle.click();
    });
  }
});

document.addEventListener("DOMContentLoaded", () => {
  const waiting = document.querySelector("[data-look-again]");
  if (!waiting) return;
  const open = () => [...document.querySelectorAll("details[open]")].length;
  (function look() {
    setTimeout(() => {
      // Nobody's place is taken away while they read or type.
      if (document.hidden || open() || document.querySelector(":focus-visible")) look();
      else location.reload();
    }, 1000 * Number(waiting.dataset.lookAgain));
  })();
});

document.addEventListener("DOMContentLoaded", () => {
  const banner = document.getElementById("hn-queues");
  if (!banner) return;

  async function look() {
    if (!document.hidden) {
      try {
        const answer = await fetch(banner.dataset.url, { redirect: "error" });
        if (answer.ok) show((await answer.json()).stuck);
      } catch {
        // The server is away: the page's own requests will say so.
      }
    }
    setTimeout(look, 15000);
  }

  function show(stuck) {
    const lines = stuck.map((advice) => {
      const line = document.createElement("li");
      line.textContent = advice;
      return line;
    });
    const list = banner.querySelector("ul");
    if (list.textContent !== stuck.join("")) list.replaceChildren(...lines);
    banner.hidden = stuck.length === 0;
  }

  look();
});

// A search box over a long list: hides what does not hold every word that was typed.
document.addEventListener("DOMContentLoaded", () => {
  for (const box of document.querySelectorAll("input[data-find]")) {
    const all = box.parentElement;
    const rows = [...all.querySelectorAll(`.${box.dataset.find}`)];
    box.addEventListener("input", () => {
      const words = box.value.toLowerCase().split(/\s+/);
      for (const row of rows) {
        const text = row.dataset.words.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
      }
      for (const section of all.querySelectorAll("section")) {
        section.hidden = !section.querySelector("li:not([hidden])");
      }
      const left = rows.filter((row) => !row.hidden).length;
      all.querySelector("[data-found]").textContent =
        box.value.trim() && `${left} of ${rows.length}`;
    });
    // Enter takes the first that is left.
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      rows.find((row) => !row.hidden)?.querySelector("a").click();
    });
  }
});
