/** Light, dark, or as the system has it; kept in the browser. */

export type Theme = "auto" | "light" | "dark";
export const themes = ["auto", "light", "dark"] as const;

const KEY = "paxgate-theme";

export function storedTheme(): Theme {
  try {
    const stored = localStorage.getItem(KEY);
    return themes.find((theme) => theme === stored) ?? "auto";
  } catch {
    return "auto"; // no storage: a private window
  }
}

/** Shows it, and keeps it. */
export function applyTheme(theme: Theme): void {
  if (theme === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // It is only not kept.
  }
}

/** Tells when the system's own choice changes. */
export function onSystemTheme(listener: () => void): () => void {
  const query = matchMedia("(prefers-color-scheme: dark)");
  query.addEventListener("change", listener);
  return () => query.removeEventListener("change", listener);
}
