import { applyTheme, storedTheme } from "./theme.ts";

/** Before anything is drawn: the theme that was chosen, so that nothing flashes. */
applyTheme(storedTheme());
