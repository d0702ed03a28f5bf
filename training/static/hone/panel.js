// On every page of the panel: says in red when work waits and no worker answers.
"use strict";

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
