import type { LineFace } from "./looks.ts";
import { pure } from "./parts.tsx";
import { text } from "./text/text.ts";

/**
 * The line as a trunking diagram: a column of ten bank contacts for each digit, level 1 at the foot and 0 (ten impulses)
 * at the head as in a Strowger bank; the wiper's path grows from the caller's end as the digits come, and reaches the
 * far end when somebody answers.
 */

export const COLUMNS = 7;
const WIDTH = 320;
const HEIGHT = 132;
const FIRST_X = 62;
const PITCH_X = 33;
const FOOT_Y = 120;
const PITCH_Y = 12;
const MID_Y = 66;
const ENDS = { left: 22, right: WIDTH - 22 };

const columnX = (column: number) => FIRST_X + column * PITCH_X;
/** Level of a digit: one impulse is the lowest. */
const levelY = (digit: string) => FOOT_Y - (digit === "0" ? 9 : Number(digit) - 1) * PITCH_Y;

/** The digits that have a column: the last ones, when there are more than columns. */
export function shownDigits(digits: string): readonly string[] {
  return digits.replace(/\D/g, "").slice(-COLUMNS).split("").filter(Boolean);
}

/** The wiper's path through the contacts. */
export function wiperPath(digits: readonly string[], through: boolean, begun: boolean): string {
  if (!begun) return "";
  let path = `M${ENDS.left + 10} ${MID_Y}`;
  if (digits.length === 0 && !through) return `${path}H${FIRST_X - 16}`;
  for (const [column, digit] of digits.entries()) {
    path += `L${columnX(column) - 12} ${column === 0 ? MID_Y : levelY(digits[column - 1] ?? digit)}`;
    path += `L${columnX(column) - 4} ${levelY(digit)}H${columnX(column) + 5}`;
  }
  if (!through) return path;
  const lastX = digits.length === 0 ? FIRST_X : columnX(digits.length - 1) + 9;
  return `${path}L${lastX + 8} ${MID_Y}H${ENDS.right - 10}`;
}

/** Every contact of the bank in one path: short ticks. */
const BANK = Array.from({ length: COLUMNS }, (_, column) =>
  Array.from({ length: 10 }, (_, level) => `M${columnX(column) - 3} ${FOOT_Y - level * PITCH_Y}h7`).join(""),
).join("");

export const Train = pure(function Train(props: { face: LineFace; digits: string; fromPax: boolean; label: string }) {
  const { face, digits, fromPax, label } = props;
  const { look } = face;
  const shown = shownDigits(digits);
  const begun = look !== "idle" && look !== "off" && look !== "blocked" && look !== "fault" && look !== "parked";
  const through = look === "talking" || look === "ringing" || look === "clearing";
  return (
    <svg class={`train train-${look}`} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
      <path class="bank" d={BANK} />
      <g class="levels">
        <text x={FIRST_X - 14} y={levelY("1") + 3}>
          1
        </text>
        <text x={FIRST_X - 14} y={levelY("0") + 3}>
          0
        </text>
      </g>
      <path class="wiper" d={wiperPath(shown, through, begun)} />
      {shown.map((digit, column) => (
        <circle
          key={`${column}-${digit}`}
          class={column === shown.length - 1 ? "contact latest" : "contact"}
          cx={columnX(column)}
          cy={levelY(digit)}
          r="4"
        />
      ))}
      <End x={ENDS.left} look={begun ? "on" : "off"} name={fromPax ? text.exchange.pax : text.exchange.event} />
      <End
        x={ENDS.right}
        look={look === "talking" ? "on" : look === "ringing" ? "ring" : "off"}
        name={fromPax ? text.exchange.event : text.exchange.pax}
      />
      {look === "fault" && <path class="struck" d={`M40 24L${WIDTH - 40} 108M40 108L${WIDTH - 40} 24`} />}
      {look === "parked" && <path class="struck" d={`M48 ${MID_Y}H${WIDTH - 48}`} />}
      {look === "blocked" && <path class="plug" d={`M48 56H${WIDTH - 48}V76H48Z`} />}
      {look === "ringing" && (
        <g class="bell">
          <path d={`M${ENDS.right - 15} 44q3-6 8-8M${ENDS.right + 15} 44q-3-6-8-8`} />
        </g>
      )}
    </svg>
  );
});

function End({ x, look, name }: { x: number; look: "on" | "ring" | "off"; name: string }) {
  return (
    <g class={`end end-${look}`}>
      <circle class="jack" cx={x} cy={MID_Y} r="10" />
      <circle class="sleeve" cx={x} cy={MID_Y} r="4.5" />
      <text x={x} y={MID_Y + 24}>
        {name}
      </text>
    </g>
  );
}
