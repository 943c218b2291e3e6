// The charts of a pilot as inline SVG: usable rate by prompt version, rejection reasons by model, and what the cost is made of.
import { moneyText } from '#libs/studio';
import { html, NOTHING, type Html } from './html-text.js';
import { keyText, nearly, rateText } from './pilot-words.js';
import { largest, type Group, type Pilot } from './pilot.js';

const WIDTH = 760;
const LABEL_WIDTH = 200;
const VALUE_WIDTH = 150;
const PLOT_WIDTH = WIDTH - LABEL_WIDTH - VALUE_WIDTH;
const ROW_HEIGHT = 30;
const BAR_HEIGHT = 16;
const AXIS_HEIGHT = 24;
const LABEL_LENGTH_MAX = 26;
/** More bars or colours than these tell nobody anything. */
const BARS_MAX = 16;
export const COLOURS_MAX = 6;

const x = (value: number, max: number): number => round(LABEL_WIDTH + (max === 0 ? 0 : (value / max) * PLOT_WIDTH));
const round = (value: number): number => Math.round(value * 10) / 10;

/** Bars with the interval that their few clips leave, and the quality bar as a line. */
export function usableRateChart({ byPromptVersion, report }: Pilot): Html {
  const groups = largest(byPromptVersion, BARS_MAX);
  const bar = report.benchmark === null ? null : Number(report.benchmark.qualityBar.usableRate);
  const ends = groups.map(({ usableRateInterval }) => Number(usableRateInterval?.high ?? 0));
  const max = niceRate(Math.max(bar ?? 0, ...ends));
  const height = groups.length * ROW_HEIGHT + AXIS_HEIGHT;
  const rows = groups.map((group, index) => rateRow(group, index, max));
  const ticks = [0, max / 2, max].map(
    (tick) =>
      html`<line class="grid" x1="${x(tick, max)}" x2="${x(tick, max)}" y1="0" y2="${height - AXIS_HEIGHT}" />
        <text class="tick" x="${x(tick, max)}" y="${height - 6}" text-anchor="middle">${nearly(String(tick))}</text>`,
  );
  const line =
    bar === null
      ? NOTHING
      : html`<line class="bar-line" x1="${x(bar, max)}" x2="${x(bar, max)}" y1="0" y2="${height - AXIS_HEIGHT}"
          ><title>quality bar ${nearly(String(bar))}</title></line
        >`;
  return chart(height, 'Usable rate by prompt version', [...ticks, ...rows, line]);
}

function rateRow(group: Group, index: number, max: number): Html {
  const { usableRate, usableRateInterval, usableClips, totalGenerations, key } = group;
  const [low, high] = [Number(usableRateInterval?.low ?? 0), Number(usableRateInterval?.high ?? 0)];
  const middle = index * ROW_HEIGHT + ROW_HEIGHT / 2;
  const width = round(x(Number(usableRate ?? 0), max) - LABEL_WIDTH);
  return html`${label(key, middle)}
    <rect class="c1" x="${LABEL_WIDTH}" y="${middle - BAR_HEIGHT / 2}" width="${width}" height="${BAR_HEIGHT}" />
    <path class="whisker" d="M${x(low, max)} ${middle - 5}v10M${x(low, max)} ${middle}H${x(high, max)}M${x(high, max)} ${middle - 5}v10" />
    ${value(`${rateText(group)}, ${usableClips} of ${totalGenerations}`, middle)}`;
}

/** Models beyond the last colour share it. */
export function reasonsChart({ reasons }: Pilot): Html {
  const max = Math.max(1, ...reasons.map(({ count }) => count));
  const rows = reasons.map(({ reason, count, byModel }, index) => {
    const middle = index * ROW_HEIGHT + ROW_HEIGHT / 2;
    let from = 0;
    const parts = byModel.map((part, model) => {
      const left = x(from, max);
      from += part;
      const width = round(x(from, max) - left);
      return part === 0
        ? NOTHING
        : html`<rect class="c${colourOf(model)}" x="${left}" y="${middle - BAR_HEIGHT / 2}" width="${width}" height="${BAR_HEIGHT}" />`;
    });
    return html`${label(reason.replaceAll('_', ' '), middle)}${parts}${value(String(count), middle)}`;
  });
  return chart(reasons.length * ROW_HEIGHT, 'Rejection reasons by model', rows);
}

export function colourOf(model: number): number {
  return Math.min(model + 1, COLOURS_MAX);
}

/** Each part begins where the one before ended; the last row is their sum. */
export function costChart({ report }: Pilot): Html {
  const { generationCost, humanCost, complianceCost, toolingCost, totalCost } = report;
  const parts = [
    { name: 'Generation', cost: generationCost },
    { name: 'People', cost: humanCost },
    { name: 'Compliance', cost: complianceCost },
    { name: 'Tooling', cost: toolingCost },
  ].filter(({ cost }, index) => index < 2 || cost.amountMinor !== 0);
  const total = totalCost.amountMinor;
  const max = Math.max(1, total);
  let from = 0;
  const rows = parts.map(({ name, cost }, index) => {
    const left = from;
    from += cost.amountMinor;
    const share = total > 0 ? `, ${nearly(String(cost.amountMinor / total))}` : '';
    return costRow(name, `${moneyText(cost)}${share}`, [left, from], max, index);
  });
  rows.push(costRow('Total', moneyText(totalCost), [0, total], max, rows.length));
  return chart(rows.length * ROW_HEIGHT, 'What the cost is made of', rows);
}

function costRow(name: string, text: string, ends: [number, number], max: number, index: number): Html {
  const middle = index * ROW_HEIGHT + ROW_HEIGHT / 2;
  const [left, right] = [Math.max(0, Math.min(...ends)), Math.max(0, ...ends)];
  const width = round(x(right, max) - x(left, max));
  const colour = name === 'Total' ? 'total' : `c${index + 1}`;
  return html`${label(name, middle)}<rect
      class="${colour}"
      x="${x(left, max)}"
      y="${middle - BAR_HEIGHT / 2}"
      width="${width}"
      height="${BAR_HEIGHT}"
    />${value(text, middle)}`;
}

function chart(height: number, title: string, content: readonly Html[]): Html {
  return html`<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${title}">
    <title>${title}</title>
    ${content}
  </svg>`;
}

function label(text: string, middle: number): Html {
  const shown = keyText(text);
  const characters = Array.from(shown);
  const short = characters.length > LABEL_LENGTH_MAX ? `${characters.slice(0, LABEL_LENGTH_MAX - 1).join('')}…` : shown;
  return html`<text x="${LABEL_WIDTH - 10}" y="${middle + 4}" text-anchor="end">${short}<title>${shown}</title></text>`;
}

function value(text: string, middle: number): Html {
  return html`<text class="value" x="${WIDTH}" y="${middle + 4}" text-anchor="end">${text}</text>`;
}

/** The next round percentage above it. */
function niceRate(rate: number): number {
  const steps = [0.02, 0.04, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8];
  return steps.find((step) => rate <= step) ?? 1;
}
