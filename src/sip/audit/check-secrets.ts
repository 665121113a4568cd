import { type Findings, type SecretUse, shown } from "./accounts.ts";
import type { Place } from "./types.ts";

/** What lists of passwords begin with, and what examples say. */
const COMMON: ReadonlySet<string> = new Set(
  `password passw0rd secret changeme changethis letmein qwerty qwerty123 admin administrator asterisk elastix freepbx trixbox
  amp109 amp111 mysecret mypassword welcome default guest test testing blah demo voip phone supersecret password1 password123
  secret123 admin123 asterisk123 pa55word p@ssword p@ssw0rd abc123 iloveyou monkey dragon mark mysecret123 secretpassword
  notsosecret peekaboo goodpassword badpassword yoursecret insecure`.split(/\s+/),
);

const WEAK_BELOW = 8;
/** 12 random letters and digits are 71 bits: not to be guessed over a network. */
const SHORT_BELOW = 12;

/** Weak, short and repeated passwords. Texts name the account and say what is wrong, never any of the password. */
export function checkSecrets({ report, secrets }: Findings): void {
  const first = new Map<string, { readonly place: Place; readonly username: string }>();
  for (const use of secrets) {
    strength(use, report);
    const before = first.get(use.secret);
    if (before === undefined) first.set(use.secret, use);
    else if (before.username !== use.username || before.place.file === use.place.file) {
      const { file, line } = before.place;
      const inherited = file === use.place.file && line === use.place.line;
      const whose = inherited ? "a template's password, as others have" : `the password of ${file}:${line}`;
      report(
        "secret-repeated",
        use.place,
        `The ${use.kind} ${shown(use.username)} has ${whose}: who learns one has both.`,
      );
    }
  }
}

function strength({ secret, username, kind, place }: SecretUse, report: Findings["report"]): void {
  const who = `The ${kind} ${shown(username)}`;
  const plain = secret.toLowerCase();
  if (plain === username.toLowerCase()) {
    report(
      "secret-weak",
      place,
      `${who} has its own name for a password: the first guess of every scanner.`,
      "critical",
    );
  } else if (COMMON.has(plain)) {
    report("secret-weak", place, `${who} has a password that stands in every scanner's list.`, "critical");
  } else if (/^\d+$/.test(secret) && secret.length < 16) {
    const few = secret.length <= 8;
    const why = `${who} has a password of digits only: few enough to try them all.`;
    report("secret-weak", place, why, few ? "critical" : "high");
  } else if (secret.length < WEAK_BELOW || new Set(secret).size < 4) {
    report("secret-weak", place, `${who} has a password of fewer than ${WEAK_BELOW} characters, or of the same few.`);
  } else if (secret.length < SHORT_BELOW) {
    report("secret-short", place, `${who} has a password of fewer than ${SHORT_BELOW} characters.`);
  } else if (username.length >= 4 && plain.includes(username.toLowerCase())) {
    report("secret-weak", place, `${who} has its name within its password.`);
  }
}
