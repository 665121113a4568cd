/**
 * On every answer, errors included. `script-src 'self'` without 'unsafe-inline': a stranger's text that slipped into
 * the page can't run (Content Security Policy Level 3). frame-ancestors and X-Frame-Options: nobody lays the page
 * under his own. Referrer-Policy is `same-origin` and not `no-referrer`: with the latter browsers send
 * `Origin: null` with our own forms (Fetch, section 3.1), and Origin is what tells them from foreign ones.
 */
export const safeHeaders: Readonly<Record<string, string>> = {
  "Content-Security-Policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  "X-Frame-Options": "DENY",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "same-origin",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
};

/** What is made for this request alone is kept by nobody. */
export const NO_STORE = "no-store";
