/** Ends an exhaustive `switch`: the compiler refuses a missing case, and a value from outside that slipped in throws. */
export function assertNever(value: never): never {
  throw new Error(`impossible value: ${JSON.stringify(value)}`);
}
