// Runs before the first paint; settings.ts owns the value.
try {
  var settings = JSON.parse(localStorage.getItem("hone.settings") || "{}");
  if (settings.theme === "light" || settings.theme === "dark") {
    document.documentElement.dataset.theme = settings.theme;
  }
} catch (error) {
  // No storage: the system's theme is used.
}
