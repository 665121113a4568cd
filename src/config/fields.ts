import { z } from "zod";

/** The kinds of value that the parts of the schema are made of, and what is said about each field (`apply`). */
declare module "zod" {
  interface GlobalMeta {
    /** When a change takes effect: `live`, after a `restart` of the gateway, or after a `reboot`. */
    apply?: "live" | "restart" | "reboot";
    /** A value for the commented example, where the default would not show what to write. */
    example?: unknown;
    /** What is allowed, in words, where type and range do not say it. */
    allowed?: string;
    /** What counts when the key is left out, in words, where that is not a fixed value. */
    defaultText?: string;
  }
}

/** Text of a given form; the form is also said in words, for messages and for the documents. */
export const text = (form: RegExp, allowed: string) => z.string().regex(form, allowed).meta({ allowed });

/** Text without control characters: it may end in a file for Asterisk or on a terminal. */
export const plainText = (max: number) =>
  text(new RegExp(`^[^\\u0000-\\u001f\\u007f-\\u009f]{1,${max}}$`), `1 to ${max} characters on one line`);

/** Names tie the parts of the file together and become section names of Asterisk's files: letters, digits and `-`. */
export const name = (description: string, example?: string) =>
  text(/^[a-z][a-z0-9-]{0,23}$/, "1 to 24 of a-z, 0-9 and -, beginning with a letter").meta({
    description,
    apply: "restart",
    ...(example === undefined ? {} : { example }),
  });

/** Digits to match: X is 0-9, Z is 1-9, N is 2-9, [2-5] or [27] a set of digits. */
export const pattern = (description: string, example: string) =>
  text(
    /^(?:[0-9XZN]|\[(?:[0-9](?:-[0-9])?)+\]){1,12}$/,
    "1 to 12 of: a digit, X (0-9), Z (1-9), N (2-9), a set such as [2-5] or [27]; in quotes",
  ).meta({ description, apply: "restart", example });

export const digits = (min: number, max: number, description: string, example?: string) =>
  text(new RegExp(`^[0-9]{${min},${max}}$`), `${min} to ${max} digits, in quotes`).meta({
    description,
    apply: "restart",
    ...(example === undefined ? {} : { example }),
  });

const secretFile = (example: string) =>
  z.strictObject({
    file: plainText(4096).meta({
      description: "File whose first line is the secret; mode 0600. A relative path is relative to this file.",
      apply: "restart",
      example,
    }),
  });

/** A secret, or the file that holds it (readable by nobody else; the first line counts), such as `file`. */
export const secret = (description: string, file: string) =>
  z.union([plainText(128), secretFile(file)]).meta({
    description,
    apply: "restart",
    allowed: "1 to 128 characters on one line, or {file: PATH}",
    example: "as issued",
  });

export const host = text(/^[A-Za-z0-9](?:[A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?$/, "a host name or an IP address").meta({
  description: "Host name or IP address.",
  apply: "restart",
});

export const network = z.union([z.cidrv4(), z.cidrv6()]).meta({
  description: "A network such as 192.168.1.0/24.",
  apply: "restart",
  allowed: "a network such as 192.168.1.0/24",
});

export const port = (byDefault: number, description: string) =>
  z.number().int().min(1024).max(65_535).default(byDefault).meta({ description, apply: "restart" });
