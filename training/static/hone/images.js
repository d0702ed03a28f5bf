// Upload an image to the chosen project, look at it, and take along what shows it.
const card = document.getElementById("images");
const slugs = JSON.parse(document.getElementById("image-projects").textContent);
const project = document.getElementById("id_project");
const file = document.getElementById("id_image-file");
const alt = document.getElementById("id_image-alt");
const markdown = document.getElementById("id_image-markdown");
const shown = document.getElementById("image-shown");
const copy = document.getElementById("image-copy");
const state = document.getElementById("image-state");
let kept = null;

function say(text, wrong = false) {
    state.textContent = text;
    state.dataset.wrong = wrong;
}

// Brackets would end the text, a line break the paragraph.
function write() {
    const words = alt.value.replaceAll(/[[\]\\]/g, "").replaceAll(/\s+/g, " ").trim();
    markdown.value = kept ? `![${words}](media:${kept})` : "";
    copy.disabled = !kept || !words;
}

function forget() {
    kept = null;
    shown.hidden = true;
    write();
}

async function send(chosen) {
    const address = `/api/v1/projects/${encodeURIComponent(slugs[project.value])}/media`;
    say("Uploading …");
    const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
    const answer = await fetch(address, {
        method: "POST",
        headers: { "X-CSRFToken": token, "Content-Type": "application/octet-stream" },
        body: chosen,
    });
    const told = await answer.json();
    if (!answer.ok) return say([told.message, told.expected && `Expected: ${told.expected}.`, told.fix].filter(Boolean).join(" "), true);
    kept = told.sha256;
    shown.src = `${address}/${kept}`;
    shown.hidden = false;
    write();
    alt.focus();
    say("It is kept. Say what it shows, then copy the line into a prompt or a completion.");
}

async function look() {
    forget();
    const [chosen] = file.files;
    if (!chosen) return say("");
    const most = Number(card.dataset.most);
    const mebibytes = (bytes) => (bytes / 2 ** 20).toFixed(1);
    if (!file.accept.split(",").includes(chosen.type)) {
        return say("This is no image that can be shown. PNG, JPEG, GIF, WebP and AVIF can.", true);
    }
    if (chosen.size > most) {
        return say(`At most ${mebibytes(most)} MiB fit; this one has ${mebibytes(chosen.size)}. Make it smaller.`, true);
    }
    try {
        await send(chosen);
    } catch {
        say("Hone could not be reached. Choose the image again to try once more.", true);
    }
}

file.addEventListener("change", look);
// An image is of one project: another one needs it again.
project.addEventListener("change", look);
alt.addEventListener("input", () => {
    shown.alt = alt.value;
    write();
});
copy.addEventListener("click", async () => {
    markdown.select();
    try {
        await navigator.clipboard.writeText(markdown.value);
        say("Copied.");
    } catch {
        // No clipboard without a secure connection: what is selected can be copied by hand.
        say("It is selected: copy it with the keyboard.");
    }
});
