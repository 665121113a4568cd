import { z } from "zod";

/** Payloads that say nothing of the gateway's state: what keeps the connection, what is asked, what fleets share. */

/** Plain text, not JSON. */
export const availabilitySchema = z.enum(["online", "offline"]);

/** Beside the transaction, the parameters of the operation. */
export const requestSchema = z.looseObject({
  transaction: z.string().max(64).optional().meta({ description: "Comes back in the answer." }),
});

export const answerSchema = z.strictObject({
  status: z.enum(["ok", "error"]).meta({ description: "Whether it was done." }),
  error: z
    .strictObject({
      code: z.string().max(64).meta({ description: "Which fault; stable." }),
      message: z.string().max(1_000).meta({ description: "What is wrong, for people." }),
    })
    .nullable()
    .meta({ description: "Why it was not done." }),
  transaction: z.string().max(64).nullable().meta({ description: "As in the request." }),
  data: z.unknown().meta({ description: "What the request asked for." }),
});
export type Answer = z.infer<typeof answerSchema>;

/** What gateways of a fleet tell each other, signed (`shared-ban.ts`). */
export const sharedBanSchema = z.strictObject({
  v: z.literal(1).meta({ description: "Version of this form." }),
  site: z.string().max(64).meta({ description: "Site that made the ban." }),
  address: z.string().max(64).meta({ description: "Address (IPv4) or /64 (IPv6), canonical." }),
  reasonCode: z.enum(["logins", "operator"]).meta({ description: "Why." }),
  minutes: z.number().int().min(1).max(1_440).meta({ description: "How long, minutes." }),
  atMs: z.number().int().nonnegative().meta({ description: "When it was sent." }),
  nonce: z.string().max(64).meta({ description: "128 random bits, hexadecimal." }),
  mac: z.string().max(64).meta({ description: "HMAC-SHA256 with the fleet's key, hexadecimal." }),
});

/** The audit record of credentials, as it is kept; none of them is in it. */
export const credentialsEventSchema = z.strictObject({
  type: z.enum(["reset", "collected"]).meta({ description: "What was done." }),
  atMs: z.number().int().nonnegative().meta({ description: "When." }),
  address: z.string().max(64).nullable().meta({ description: "Where they were collected." }),
});

/** The schema of any payload. */
export type PayloadSchema = z.ZodType;
