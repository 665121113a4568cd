import qrcode from "qrcode-generator";

/** A QR code as an SVG of one path: nothing is fetched, and nothing is written as HTML. */

/** Modules of white around the code that scanners want (ISO/IEC 18004, 4). */
const QUIET = 4;
/** What fits into a code that a telephone's camera still reads from a screen. */
const MAX_TEXT = 512;

/** One path of all dark modules, runs joined; and the width in modules with its margin. Null: too much text. */
export function qrPath(content: string): { readonly path: string; readonly width: number } | null {
  if (content.length > MAX_TEXT) return null;
  const code = qrcode(0, "M");
  code.addData(content, "Byte");
  code.make();
  const modules = code.getModuleCount();
  let path = "";
  for (let row = 0; row < modules; row++) {
    for (let column = 0; column < modules; column++) {
      if (!code.isDark(row, column)) continue;
      let run = 1;
      while (column + run < modules && code.isDark(row, column + run)) run++;
      path += `M${column + QUIET} ${row + QUIET}h${run}v1h-${run}z`;
      column += run;
    }
  }
  return { path, width: modules + 2 * QUIET };
}

export function QrCode({ content, label }: { content: string; label: string }) {
  const code = qrPath(content);
  if (code === null) return null;
  return (
    <svg class="qr" viewBox={`0 0 ${code.width} ${code.width}`} role="img" aria-label={label}>
      <rect width={code.width} height={code.width} fill="#fff" />
      <path d={code.path} fill="#000" shape-rendering="crispEdges" />
    </svg>
  );
}
