/** Where a call to SIP goes: call control decides it, the dialplan has a place for it. */
export type DialTarget =
  /** `number`: what the trunk's network is called for, digits only. */
  | { readonly kind: "trunk"; readonly trunk: string; readonly number: string }
  | { readonly kind: "account"; readonly account: string }
  | { readonly kind: "service"; readonly service: "echo" | "clock" | "milliwatt" };
