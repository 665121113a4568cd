import { systemClock } from "../../base/clock.ts";
import { GatewayError } from "../../base/errors.ts";

/** Whether what is waited for came to hold in time. */
export async function holds(waiting: Promise<void>): Promise<boolean> {
  try {
    await waiting;
    return true;
  } catch (error) {
    if (error instanceof GatewayError && error.code === "timeout") return false;
    throw error;
  }
}

/** The first of them that comes to something; null when none does, or after `withinMs` ms. */
export function first<T>(waits: readonly Promise<T | null>[], withinMs: number): Promise<T | null> {
  return new Promise((resolve, reject) => {
    let left = waits.length;
    const cancel = systemClock.at(systemClock.now() + withinMs, () => resolve(null));
    const finish = (value: T | null) => {
      cancel();
      resolve(value);
    };
    for (const wait of waits) {
      wait.then(
        (value) => {
          left--;
          if (value !== null || left === 0) finish(value);
        },
        (error: unknown) => {
          cancel();
          reject(error);
        },
      );
    }
  });
}
