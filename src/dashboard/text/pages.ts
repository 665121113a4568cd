/** The pages of one card, and what buttons say. */

export const operation = {
  busy: "Working …",
  done: "Done.",
  failed: (message: string) => `Not done: ${message}`,
} as const;

export const login = {
  title: "Log in",
  intro: "The status of the exchange is behind this door.",
  password: "Password",
  submit: "Log in",
  wrong: "That is not the password.",
  wait: (seconds: string) => `Too many attempts. Wait ${seconds} s.`,
  forgotten: "Lost the password? Hold the gateway's button for 5 seconds, then",
  handout: "collect new credentials",
} as const;

export const handout = {
  title: "New credentials",
  closed: "Nothing can be collected now.",
  steps: [
    "Go to the gateway. Who stands beside it is the one who may have its credentials.",
    "Hold its button for 5 seconds, until the lamp blinks quickly, and let go. All old credentials stop working.",
    "Come back to this page within the time shown. They are given to one browser only.",
  ],
  open: "New credentials are ready.",
  openText: "They are shown to one browser only, and as often as it asks until the time is over.",
  left: (left: string) => `${left} left`,
  show: "Show the credentials",
  elsewhere: (address: string) => `They were collected by ${address}.`,
  elsewhereText: "If that was not you, hold the button again: what was collected then stops working.",
  shown: "Write them down or scan them now. This page forgets them when the time is over.",
  over: "The time is over. Hold the button again if you need them.",
  kinds: { sip: "Telephone", dashboard: "This dashboard", broker: "MQTT broker" },
  columns: { what: "For", username: "User name", secret: "Password", copy: "Copy" },
  copyUsername: (name: string) => `Copy the user name of ${name}`,
  copySecret: (name: string) => `Copy the password of ${name}`,
  copy: "Copy",
  copied: "Copied",
  copyFailed: "Select it by hand",
  qr: (name: string) => `QR code for a softphone: ${name}`,
  qrHint: "Scan with a softphone.",
  toLogin: "To the log-in",
} as const;

export const errors = {
  unreachable: "The gateway does not answer.",
  unknown: "No reason was given.",
  http: (status: number) => `The gateway answered ${status}.`,
  loggedOut: "Your session has ended.",
} as const;
